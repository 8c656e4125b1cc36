"""Findings: what is wrong with a file, with file, line, column, the line itself and, if possible, a suggestion."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

MOST_FINDINGS = 200
"""The most findings reported for one file, since a page shows all of them."""

_WIDE = {"W", "F"}
_LONGEST_LINE = 200  # characters shown of a source line
_LONGEST_WORD = 100  # longer words match no known word, and comparing them is slow


_NO_WIDTH = {"Mn", "Me", "Cf"}  # combining accents, joiners
_INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line and paragraph separators


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One fault in one file. Lines and columns count from 1; columns count characters."""

    file: str
    line: int
    column: int
    key: str  # dotted path, like offer.value; empty for the file as a whole
    problem: str
    suggestion: str = ""  # the nearest valid word; empty: none is near
    source_line: str = ""

    def render(self) -> str:
        """Return `file:line:column key: problem`, the line itself, and a caret under the place."""
        subject = f"{self.key}: " if self.key else ""
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        head = _printable(f"{self.file}:{self.line}:{self.column} {subject}{self.problem}{hint}")
        if not self.source_line or self.column > _LONGEST_LINE:
            return head
        shown = _printable(self.source_line[:_LONGEST_LINE])
        caret = " " * _width(shown[: self.column - 1]) + "^"
        return f"{head}\n    {shown}\n    {caret}"

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `tillroll check --json`."""
        return asdict(self)


def _printable(text: str) -> str:
    """Replace control characters, which could move a terminal's cursor or change its colours."""
    return "".join(
        " "
        if char == "\t"
        else "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(char) in _INVISIBLE
        else char
        for char in text
    )


def _width(text: str) -> int:
    """Return how many columns a text takes in a terminal, to place the caret under the right character."""
    return sum(
        0
        if unicodedata.category(char) in _NO_WIDTH
        else 2
        if unicodedata.east_asian_width(char) in _WIDE
        else 1
        for char in text
    )


def nearest(word: str, choices: Collection[str]) -> str:
    """Return the choice most similar to a word; empty if none is similar."""
    if len(word) > _LONGEST_WORD:
        return ""
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return matches[0] if matches else ""
