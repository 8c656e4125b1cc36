"""What can be wrong with the words of an e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WordKind(StrEnum):
    """What a fault is about; those but `FAILS` are keys of `emails:` in the guardrails."""

    FAILS = "fails"  # the template can't be filled in
    GAPS = "gaps"  # None, nan, a piece of the template itself
    GREETING = "greeting"  # a name that isn't there is left out, with a blank in its place
    FIGURES = "figures"  # percentages and amounts
    DATES = "dates"
    LINKS = "links"
    STYLE = "style"  # subject, size, text part


class EmailPart(StrEnum):
    """The parts of an e-mail."""

    SUBJECT = "subject"
    HTML = "HTML part"
    TEXT = "text part"


@dataclass(frozen=True, kw_only=True, order=True)
class WordFault:
    """Something in an e-mail that its recipient would take for a mistake, or would be misled by."""

    kind: WordKind
    part: EmailPart
    problem: str  # a clause: "it says None"
    is_certain: bool = True  # otherwise it may be meant so, and is never more than a warning
    literal: str = ""  # the words of the template that say it; empty: a variable does


@dataclass(frozen=True, kw_only=True)
class LinkedGoods:
    """A product or a category of the store that an e-mail links to."""

    part: EmailPart
    is_category: bool
    number: int
    address: str
