"""When a batch will be done, from how fast the store worked off the ones before it: asking blindly costs requests. Pure.

The store answers how far a batch is, not how fast. So a batch is asked after when it should be done; where it isn't, its
progress tells the speed exactly, and where it is, the next one is tried a little earlier. Batches run first in, first out, so
only the oldest is asked after. As long as others queue behind it, asking late costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tillroll.campaign.effort import CHUNK

FIRST_PAUSE = timedelta(seconds=0.5)  # before the first question, as the vendor's own client waits
LOOK_AHEAD = 4.0
"""Seconds of work that the store should have before it: longer than a lane is ever away from minting."""

LEAST_AHEAD, MOST_AHEAD = 2, 16
"""Batches handed over at a time. One to work off and one behind it, even on a slow store; and the most, since what has been
handed over can't be overtaken by a run that is in a hurry."""

_LATE = 0.1  # asked after so much later than it should be done, as a share of its time
_PROBE, _PROBE_STEADY = (
    0.75,
    0.97,
)  # how much faster the store is taken to be after a batch that was done when asked after
_HITS_FORGET = 20  # so many batches in a row done when asked after: the store may have become much faster
_LEAST_PAUSE = timedelta(seconds=0.1)
_LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known of one store's speed. Moments are ours, not the store's."""

    per_code: float | None = None  # seconds of the store's time; None: nothing is known yet
    free_at: datetime | None = None  # when it was done with the last batch asked after, as far as can be told
    hits: int = 0  # batches in a row that were done when they were first asked after
    steady: bool = False  # whether one wasn't: then the speed is known, and only tried a little

    def begins(self, posted_at: datetime) -> datetime:
        """When the store begins with the oldest batch in its queue."""
        return max(posted_at, self.free_at) if self.free_at else posted_at

    def due(self, *, posted_at: datetime, size: int) -> datetime:
        """When to ask after the oldest batch for the first time."""
        if self.per_code is None:
            return self.begins(posted_at) + FIRST_PAUSE
        needs = timedelta(seconds=size * self.per_code * (1 + _LATE))
        return self.begins(posted_at) + max(needs, _LEAST_PAUSE)

    def again(self, *, now: datetime, left: int, polls: int) -> datetime:
        """When to ask once more after a batch that wasn't done; a batch that stalls is asked after ever more rarely."""
        needs = timedelta(seconds=left * (self.per_code or 0.0) * (1 + _LATE))
        patience = timedelta(seconds=0.5 * (polls - 2)) if polls > 2 else _LEAST_PAUSE * 2
        return now + min(max(needs, patience), _LONGEST_PAUSE)

    def done(self, *, posted_at: datetime, size: int, polls: int, now: datetime) -> Forecast:
        """After the oldest batch was found done; `polls`: how often it had been asked after before."""
        begins = self.begins(posted_at)
        took = max((now - begins).total_seconds(), 0.001) / size
        if polls:  # its progress told the speed already
            return replace(self, free_at=now, hits=0, per_code=min(took, self.per_code or took))
        hits = self.hits + 1
        steady = self.steady and hits < _HITS_FORGET
        faster = took if self.per_code is None else min(took, self.per_code)
        expected = begins + timedelta(seconds=size * faster)
        return Forecast(
            per_code=faster * (_PROBE_STEADY if steady else _PROBE),
            free_at=min(now, expected),
            hits=hits,
            steady=steady,
        )

    def under_way(self, *, posted_at: datetime, completed: int, now: datetime) -> Forecast:
        """After the oldest batch was found half done, or not begun."""
        if not completed:  # something of somebody else's is before it in the queue, or it stalls
            return replace(self, free_at=now, hits=0)
        took = max((now - self.begins(posted_at)).total_seconds(), 0.001)
        return replace(self, per_code=took / completed, hits=0, steady=True)

    @property
    def depth(self) -> int:
        """How many batches to have handed over at a time, so that the store never runs out of work and nobody waits long."""
        if self.per_code is None:
            return LEAST_AHEAD
        chunks = math.ceil(LOOK_AHEAD / (self.per_code * CHUNK))
        return max(LEAST_AHEAD, min(MOST_AHEAD, chunks + 1))
