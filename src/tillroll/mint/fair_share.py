"""Which run's chunk is posted next: fair shares of the store's one queue. Pure.

The store works through batches in order, so nothing that is posted can be overtaken. Fairness is therefore decided here, a chunk
at a time, over all runs of the store. A run that fits in one chunk goes first, since it costs the others little time; large runs
take turns. A large run also gets a turn after some small ones in a row, so that many small runs can't starve it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tillroll.campaign.figures.effort import CHUNK, FEW

SMALL_IN_A_ROW = 5
"""How many small runs may go before a large one that waits."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run that has codes to push."""

    run_id: int
    planned: int  # codes of its plan
    served: int  # the number of its last chunk among all of the store; 0: none yet

    @property
    def small(self) -> bool:
        """Whether its codes fit in one chunk."""
        return self.planned <= CHUNK

    @property
    def few(self) -> bool:
        """Whether its codes are posted one by one, past the store's queue."""
        return self.planned <= FEW


def choose_claim(claims: Collection[Claim], *, room: int, small_in_a_row: int) -> Claim | None:
    """Return the run whose chunk is posted next, or None if the store's queue is full.

    `room`: how many batches may still be posted. Codes that are posted one by one need none. Small runs may exceed the limit by
    one batch.
    """
    waiting = [claim for claim in claims if claim.few or room > (-1 if claim.small else 0)]
    small = [claim for claim in waiting if claim.small]
    large = [claim for claim in waiting if not claim.small]
    if small and (small_in_a_row < SMALL_IN_A_ROW or not large):
        return min(small, key=lambda claim: (claim.planned > FEW, claim.served, claim.run_id))
    return min(large, key=lambda claim: (claim.served, claim.run_id), default=None)
