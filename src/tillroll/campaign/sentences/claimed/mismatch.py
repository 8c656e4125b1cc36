"""A place of an e-mail that does not fit its offer or its reader."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MismatchKind(StrEnum):
    """What an e-mail doesn't fit."""

    OFFER = "offer"
    FIRST_NAME = "first name"  # that its reader may not have
    LENGTH = "length"  # that is shown of an e-mail
    LANGUAGE = "language"  # of the words around it
    LINK = "link"  # that leads nowhere from a mailbox
    DAY = "day"  # that isn't the code's
    TIME = "time"  # of day, or of reading, that isn't the code's: midnight, today, now
    TERMS = "terms"  # that aren't said


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A place of an e-mail that does not fit the offer or the reader."""

    file: str  # of the template; empty: the subject
    line: int
    kind: MismatchKind
    problem: str
    is_wrong: bool  # it is wrong for all who get it; otherwise for some, or perhaps
    is_promise: bool = False  # of a figure: the guardrails say (emails.figures) how strictly it is taken
