"""What is wrong with a file, and where: every finding names file, line and column, shows the line, and suggests a way out."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

MOST_FINDINGS = 200
"""What is told of one file: a file with more faults isn't a campaign, and a page has to show them all."""

_WIDE = {"W", "F"}
_LONGEST_LINE = 200  # what is shown of a source line
_LONGEST_WORD = 100  # nobody means a known word by a longer one, and comparing it takes long


_NO_WIDTH = {"Mn", "Me", "Cf"}  # accents that stand on the letter before, joiners
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line and paragraph separators


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One fault of one file. Lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int
    key: str  # dotted path, like offer.value; empty for the file as a whole
    problem: str
    suggestion: str = ""  # the nearest valid word
    source_line: str = ""

    def render(self) -> str:
        """`file:line:column key: problem`, the line itself, and a caret under the place."""
        subject = f"{self.key}: " if self.key else ""
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        head = _printable(f"{self.file}:{self.line}:{self.column} {subject}{self.problem}{hint}")
        if not self.source_line or self.column > _LONGEST_LINE:
            return head
        shown = _printable(self.source_line[:_LONGEST_LINE])
        caret = " " * _width(shown[: self.column - 1]) + "^"
        return f"{head}\n    {shown}\n    {caret}"

    def to_json(self) -> dict[str, Any]:
        """For `tillroll check --json`."""
        return asdict(self)


def _printable(text: str) -> str:
    """Without what moves a terminal's cursor or colours it: a file's text must not play tricks on its reader."""
    return "".join(
        " "
        if sign == "\t"
        else "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(sign) in _UNSEEN
        else sign
        for sign in text
    )


def _width(text: str) -> int:
    """How many columns of a terminal a text takes, so that the caret stands under the right character."""
    return sum(
        0
        if unicodedata.category(sign) in _NO_WIDTH
        else 2
        if unicodedata.east_asian_width(sign) in _WIDE
        else 1
        for sign in text
    )


def nearest(word: str, choices: Collection[str]) -> str:
    """The choice that looks most like a word, or nothing when none does."""
    if len(word) > _LONGEST_WORD:
        return ""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return found[0] if found else ""
