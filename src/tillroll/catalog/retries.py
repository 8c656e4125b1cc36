"""Retrying work when the store fails temporarily: 429, 5xx or a lost answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tillroll.batches.session import BatchSession
from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.errors import OutcomeUnknown, TryLater

PATIENCE = timedelta(minutes=10)
"""How long work is retried before its error is raised."""

_RETRIES = RetryPolicy(first_pause=timedelta(seconds=0.25), longest_pause=timedelta(seconds=2))
_LONGEST_PAUSE = 30.0  # seconds, where the store asks for one
_T = TypeVar("_T")


def with_retries(session: BatchSession, work: Callable[[], _T]) -> _T:
    """Do the work and return its result; retry it while the store fails temporarily, for ten minutes at most.

    The work must be safe to repeat. What it has sent is in the journal.
    """
    since, retry = session.clock.now(), 1
    while True:
        try:
            return work()
        except (TryLater, OutcomeUnknown) as trouble:
            now = session.clock.now()
            if now - since > PATIENCE:
                trouble.hint = (
                    "Everything so far is in the journal: run the same command again later to continue."
                )
                raise
            asked_for = (trouble.retry_at - now).total_seconds() if isinstance(trouble, TryLater) else 0.0
            own_pause = _RETRIES.pause_before(retry).total_seconds()
            session.clock.sleep(min(max(asked_for, own_pause), _LONGEST_PAUSE))
            retry += 1
