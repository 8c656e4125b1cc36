"""Whose chunk goes next: fair shares of the store's one queue between the runs that want something of it. Pure.

The store works batches off first in, first out, so what is handed over can't be overtaken: fairness is decided here, a chunk
at a time, over all runs of the store together. What goes in one chunk goes first, since it costs the others one chunk's time;
large runs take turns. So that a flood of small runs starves nobody, a large one gets a turn after some small ones in a row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tillroll.campaign.figures.effort import CHUNK, FEW

SMALL_IN_A_ROW = 5
"""So many small runs may go before a large one that waits gets its turn."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run that has codes to hand over."""

    run_id: int
    planned: int  # codes of its plan
    served: int  # when its last chunk went, counted in chunks of the store; 0: none has

    @property
    def small(self) -> bool:
        """Whether one chunk is all of it."""
        return self.planned <= CHUNK

    @property
    def few(self) -> bool:
        """Whether its codes go one by one, past the store's queue."""
        return self.planned <= FEW


def next_claim(claims: Collection[Claim], *, room: int, small_in_a_row: int) -> Claim | None:
    """The run whose chunk goes next, or None while the store's queue is as long as it should be.

    `room`: batches that may still be handed over; what goes one by one needs none, and a small run may be one too many.
    """
    waiting = [one for one in claims if one.few or room > (-1 if one.small else 0)]
    small = [one for one in waiting if one.small]
    large = [one for one in waiting if not one.small]
    if small and (small_in_a_row < SMALL_IN_A_ROW or not large):
        return min(small, key=lambda one: (one.planned > FEW, one.served, one.run_id))
    return min(large, key=lambda one: (one.served, one.run_id), default=None)
