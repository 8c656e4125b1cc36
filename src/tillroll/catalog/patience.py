"""Going on through passing trouble: storms of 429, 5xx, lost answers.

Only work that may be begun anew is handed in here: what was sent is in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tillroll.catalog.parts import Catalogue
from tillroll.errors import OutcomeUnknown, TryLater

PATIENCE = timedelta(minutes=10)
_NAP = 0.25
_LONGEST_OWN_NAP, _LONGEST_NAP = 2.0, 30.0  # by itself, and when the store asks for it
_T = TypeVar("_T")


def patiently(room: Catalogue, work: Callable[[], _T]) -> _T:
    """Do it, again and again while the store has passing trouble, ten minutes at most."""
    since, nap = room.clock.now(), _NAP
    while True:
        try:
            return work()
        except (TryLater, OutcomeUnknown) as trouble:
            now = room.clock.now()
            if now - since > PATIENCE:
                trouble.hint = "Everything up to here is in the journal: run the same command again later, it goes on from here."
                raise
            told = (trouble.retry_at - now).total_seconds() if isinstance(trouble, TryLater) else 0.0
            room.clock.sleep(min(max(told, nap), _LONGEST_NAP))
            nap = min(2 * nap, _LONGEST_OWN_NAP)
