"""What a receiver answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any


class EventOutcome(StrEnum):
    """What became of one event of a batch."""

    TAKEN = "taken"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, kw_only=True)
class EventVerdict:
    """What became of an event, and why."""

    outcome: EventOutcome
    reason: str = ""
    for_good: bool = False  # refused, and no later try would change that


@dataclass(frozen=True, kw_only=True)
class ReceiverAnswer:
    """What a receiver answered, or that it did not."""

    status: int  # of HTTP; 0: there was no answer
    said: str = ""  # for people
    results: Any = None  # of the answer's JSON: what became of each event, if the receiver says so
    verdicts: Mapping[str, EventVerdict] | None = (
        None  # by event key, of a receiver that is called for each event: the others were not tried, or in vain
    )
    wait: timedelta | None = None  # it asks to wait so long
    next_number: int | None = None  # the batch's number is taken: this one is free
