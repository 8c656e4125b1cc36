"""When a batch will be done, estimated from the store's speed so far: every question too early costs a request. Pure.

The store answers how far a batch is, not how fast it works. So we ask when a batch should be done. If it is not, its progress
gives the exact speed; if it is, the next question comes a little earlier. Batches run in order, so only the oldest is asked for.
While others queue behind it, asking late costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tillroll.campaign.figures.effort import CHUNK

FIRST_PAUSE = timedelta(seconds=0.5)  # before the first question, as in the vendor's own client
LOOK_AHEAD = 4.0
"""Seconds of work that should be queued in the store: more than a worker is ever away from minting."""

LEAST_AHEAD, MOST_AHEAD = 2, 16
"""How many batches to have posted at a time. At least one to work on and one behind it, even in a slow store; at most so many,
since an urgent run can't overtake what is posted."""

AT_ONCE = 100
"""How many codes of a batch the store creates at the same time."""

_LATE = 0.1  # how much later than expected to ask, as a share of the batch's time
_PROBE = 0.25  # how much faster to assume the store is after a batch that was done at the first question
_PROBE_STEADY = 0.01  # the same once the speed is known, times the number of such batches in a row
_FASTEST = 0.000_02  # seconds a code
_LEAST_PAUSE = timedelta(seconds=0.1)
_LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class StoreSpeed:
    """What is known of one store's speed: a moment when its progress was exactly known, and its work since. By our clock."""

    per_code: float | None = None  # seconds; None: not known yet
    since: datetime | None = None  # when its progress was last exactly known
    worked: int = 0  # codes of batches done since then, less what was done of the oldest by then
    hits: int = 0  # batches in a row that were done at the first question
    steady: bool = False  # whether one was not: then the speed is known, and probed only a little

    def batch_posted(self, *, now: datetime, in_flight: int) -> StoreSpeed:
        """Return the speed after a batch was posted. `in_flight`: our batches in the store before; an idle one starts at once."""
        return self if in_flight else replace(self, since=now, worked=0)

    def due(self, *, posted_at: datetime, size: int) -> datetime:
        """Return when to ask for the oldest batch for the first time."""
        since = self.since or posted_at
        if self.per_code is None:
            return max(posted_at, since) + FIRST_PAUSE
        alone = timedelta(seconds=size * self.per_code)
        done = max(since + timedelta(seconds=(self.worked + size) * self.per_code), posted_at + alone)
        return done + max(alone * _LATE, _LEAST_PAUSE)

    def again(self, *, now: datetime, left: int, polls: int) -> datetime:
        """Return when to ask again for a batch that was not done; for a stalled batch the pauses grow."""
        needs = timedelta(seconds=left * (self.per_code or 0.0) * (1 + _LATE))
        patience = timedelta(seconds=0.5 * (polls - 2)) if polls > 2 else _LEAST_PAUSE * 2
        return now + min(max(needs, patience), _LONGEST_PAUSE)

    def done(self, *, posted_at: datetime, size: int, polls: int, now: datetime) -> StoreSpeed:
        """Return the speed after the oldest batch was done. `polls`: how often it was asked for before."""
        worked = self.worked + size
        bounds = [
            _seconds(now - (self.since or posted_at)) / max(1, worked),
            _seconds(now - posted_at) / size,
        ]
        fastest = min(bounds if self.per_code is None else [self.per_code, *bounds])
        hits = 0 if polls else self.hits + 1
        probe = 0.0 if polls else min(_PROBE, _PROBE_STEADY * hits) if self.steady else _PROBE
        return replace(
            self,
            per_code=max(fastest * (1 - probe), _FASTEST),
            worked=worked,
            hits=hits,
            since=self.since or posted_at,
        )

    def under_way(self, *, posted_at: datetime, completed: int, polls: int, now: datetime) -> StoreSpeed:
        """Return the speed after the oldest batch was not done: under way, or not begun since the store is busy or stalls."""
        measured = replace(self, since=now, worked=-completed, hits=0, steady=True)
        worked = self.worked + completed
        if self.since is None or worked <= 0 or (polls and not completed):
            return measured
        took = _seconds(now - self.since)
        # up to AT_ONCE more codes may be almost done; and the batch can't have begun before it was posted
        fastest, slowest = took / (worked + AT_ONCE), took / worked
        if completed:
            slowest = min(slowest, _seconds(now - posted_at) / completed)
        per_code = self.per_code or (fastest + slowest) / 2
        return replace(measured, per_code=min(max(per_code, fastest), slowest))

    @property
    def depth(self) -> int:
        """How many batches to have posted at a time, so that the store never runs out of work and no run waits long."""
        if self.per_code is None:
            return LEAST_AHEAD
        chunks = math.ceil(LOOK_AHEAD / (self.per_code * CHUNK))
        return max(LEAST_AHEAD, min(MOST_AHEAD, chunks + 1))


def _seconds(took: timedelta) -> float:
    return max(took.total_seconds(), 0.001)
