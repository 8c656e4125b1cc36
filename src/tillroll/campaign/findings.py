"""What is wrong with a file, and where: every finding names file, line and column, shows the line, and suggests a way out."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

_WIDE = {"W", "F"}


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
        head = f"{self.file}:{self.line}:{self.column} {subject}{self.problem}{hint}"
        if not self.source_line:
            return head
        shown = self.source_line.replace("\t", " ")
        caret = " " * _width(shown[: self.column - 1]) + "^"
        return f"{head}\n    {shown}\n    {caret}"

    def to_json(self) -> dict[str, Any]:
        """For `tillroll check --json`."""
        return asdict(self)


def _width(text: str) -> int:
    """How many columns of a terminal a text takes, so that the caret stands under the right character."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in _WIDE else 1
        for sign in text
    )


def nearest(word: str, choices: Collection[str]) -> str:
    """The choice that looks most like a word, or nothing when none does."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return found[0] if found else ""
