"""What a receiver's answer means for a batch and for its events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.text.clean import clean_line
from tillroll.crm.receivers.answers import EventOutcome, EventVerdict, ReceiverAnswer

RECEIVER_RETRIES = RetryPolicy(first_pause=timedelta(seconds=10), longest_pause=timedelta(minutes=15))
"""Pauses while the receiver takes nothing."""
EVENT_RETRIES = RetryPolicy(attempts=5, first_pause=timedelta(minutes=1), longest_pause=timedelta(hours=1))
"""Tries of one event that the receiver refuses; the events of other people go on meanwhile."""
MOST_REFUSALS = 5
"""So many events refused one after another, and none taken: the receiver itself is in trouble."""

_ABOUT_CONTENT = frozenset({400, 409, 413, 422})
_LONGEST_WAIT = timedelta(hours=1)


class BatchOutcome(StrEnum):
    """What became of a batch."""

    SETTLED = "settled"  # each of its events has an outcome
    SPLIT = "split"  # refused as a whole: a smaller one tells which event it is about
    HELD = "held"  # nothing was taken, as far as is known, beside its verdicts: the rest is posted again


@dataclass(frozen=True, kw_only=True)
class BatchVerdict:
    """What becomes of a batch."""

    outcome: BatchOutcome
    events: Mapping[str, EventVerdict] = field(
        default_factory=dict
    )  # by event key: of a settled batch, or of a part of a held one
    reason: str = ""  # of one that is held or split
    wait: timedelta | None = None


def judge_answer(answer: ReceiverAnswer, keys: list[str]) -> BatchVerdict:
    """Return what an answer means for the batch with these events."""
    is_good = 200 <= answer.status < 300
    wait = min(answer.wait, _LONGEST_WAIT) if answer.wait is not None else None
    if answer.verdicts is not None:
        outcome = BatchOutcome.SETTLED if is_good else BatchOutcome.HELD
        return BatchVerdict(outcome=outcome, events=answer.verdicts, reason=answer.said, wait=wait)
    if is_good:
        return BatchVerdict(outcome=BatchOutcome.SETTLED, events=_judge_events(answer.results, keys))
    if answer.status in _ABOUT_CONTENT and len(keys) > 1:
        return BatchVerdict(outcome=BatchOutcome.SPLIT, reason=answer.said)
    if answer.status in _ABOUT_CONTENT:
        refused = EventVerdict(outcome=EventOutcome.REFUSED, reason=answer.said)
        return BatchVerdict(outcome=BatchOutcome.SETTLED, events={keys[0]: refused})
    return BatchVerdict(outcome=BatchOutcome.HELD, reason=answer.said, wait=wait)


def _judge_events(results: Any, keys: list[str]) -> dict[str, EventVerdict]:
    """Return the outcome of each event. Without results all were taken; one that the results leave out is posted again."""
    if not isinstance(results, list):
        return {key: EventVerdict(outcome=EventOutcome.TAKEN) for key in keys}
    named = {str(one.get("id")): one for one in results if isinstance(one, dict)}
    return {key: _judge_event(named.get(key)) for key in keys}


def _judge_event(result: Any) -> EventVerdict:
    if result is None:
        return EventVerdict(outcome=EventOutcome.LATER, reason="the receiver's results leave it out")
    reason = clean_line(str(result.get("reason") or ""), longest=300)
    try:
        return EventVerdict(outcome=EventOutcome(str(result.get("outcome"))), reason=reason)
    except ValueError:
        return EventVerdict(outcome=EventOutcome.LATER, reason="the receiver's result has no known outcome")


def smaller_batch(size: int) -> int:
    """Return how large the next batch is after one of this size was refused as a whole."""
    return max(1, size // 2)


def larger_batch(most: int, wanted: int) -> int:
    """Return the limit after a batch under a limit was taken; 0: none but the rules'."""
    return 0 if not most or most * 2 >= wanted else most * 2
