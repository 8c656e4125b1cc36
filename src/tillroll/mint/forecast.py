"""When a batch will be done, from how fast the store worked off the ones before it: asking blindly costs requests. Pure.

The store answers how far a batch is, not how fast. So a batch is asked after when it should be done; where it isn't, its
progress tells the speed exactly, and where it is, the next one is tried a little earlier. Batches run first in, first out, so
only the oldest is asked after. As long as others queue behind it, asking late costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tillroll.campaign.figures.effort import CHUNK

FIRST_PAUSE = timedelta(seconds=0.5)  # before the first question, as the vendor's own client waits
LOOK_AHEAD = 4.0
"""Seconds of work that the store should have before it: longer than a lane is ever away from minting."""

LEAST_AHEAD, MOST_AHEAD = 2, 16
"""Batches handed over at a time. One to work off and one behind it, even on a slow store; and the most, since what has been
handed over can't be overtaken by a run that is in a hurry."""

AT_ONCE = 100
"""Codes of a batch that the store makes at the same time."""

_LATE = 0.1  # asked after so much later than it should be done, as a share of its time
_PROBE = (
    0.25  # how much faster the store is taken to be after a batch that was done when asked after, at first
)
_PROBE_STEADY = 0.01  # and once its speed is known: ever more, the more of them there are in a row
_FASTEST = 0.000_02  # seconds a code
_LEAST_PAUSE = timedelta(seconds=0.1)
_LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known of one store's speed: an exact moment, and what it has worked off since. Moments are ours."""

    per_code: float | None = None  # seconds of the store's time; None: nothing is known yet
    since: datetime | None = None  # when it was last known exactly how far the store was
    worked: int = 0  # codes of batches found done since then, less what was done of the oldest one
    hits: int = 0  # batches in a row that were done when they were first asked after
    steady: bool = False  # whether one wasn't: then the speed is known, and only tried a little

    def handed_over(self, *, now: datetime, flying: int) -> Forecast:
        """A batch was handed over; `flying`: how many the store had of ours before. To an idle one it begins at once."""
        return self if flying else replace(self, since=now, worked=0)

    def due(self, *, posted_at: datetime, size: int) -> datetime:
        """When to ask after the oldest batch for the first time."""
        since = self.since or posted_at
        if self.per_code is None:
            return max(posted_at, since) + FIRST_PAUSE
        alone = timedelta(seconds=size * self.per_code)
        done = max(since + timedelta(seconds=(self.worked + size) * self.per_code), posted_at + alone)
        return done + max(alone * _LATE, _LEAST_PAUSE)

    def again(self, *, now: datetime, left: int, polls: int) -> datetime:
        """When to ask once more after a batch that wasn't done; a batch that stalls is asked after ever more rarely."""
        needs = timedelta(seconds=left * (self.per_code or 0.0) * (1 + _LATE))
        patience = timedelta(seconds=0.5 * (polls - 2)) if polls > 2 else _LEAST_PAUSE * 2
        return now + min(max(needs, patience), _LONGEST_PAUSE)

    def done(self, *, posted_at: datetime, size: int, polls: int, now: datetime) -> Forecast:
        """After the oldest batch was found done; `polls`: how often it had been asked after before."""
        worked = self.worked + size
        bounds = [
            _seconds(now - (self.since or posted_at)) / max(1, worked),
            _seconds(now - posted_at) / size,
        ]
        known = min(bounds if self.per_code is None else [self.per_code, *bounds])
        hits = 0 if polls else self.hits + 1
        probe = 0.0 if polls else min(_PROBE, _PROBE_STEADY * hits) if self.steady else _PROBE
        return replace(
            self,
            per_code=max(known * (1 - probe), _FASTEST),
            worked=worked,
            hits=hits,
            since=self.since or posted_at,
        )

    def under_way(self, *, posted_at: datetime, completed: int, polls: int, now: datetime) -> Forecast:
        """After the oldest batch was found half done, or not begun: then the store is at something else, or it stalls."""
        found = replace(self, since=now, worked=-completed, hits=0, steady=True)
        worked = self.worked + completed
        if self.since is None or worked <= 0 or (polls and not completed):
            return found
        took = _seconds(now - self.since)
        # of those under way together some are all but done; and it can't have begun before it was handed over
        fastest, slowest = took / (worked + AT_ONCE), took / worked
        if completed:
            slowest = min(slowest, _seconds(now - posted_at) / completed)
        per_code = self.per_code or (fastest + slowest) / 2
        return replace(found, per_code=min(max(per_code, fastest), slowest))

    @property
    def depth(self) -> int:
        """How many batches to have handed over at a time, so that the store never runs out of work and nobody waits long."""
        if self.per_code is None:
            return LEAST_AHEAD
        chunks = math.ceil(LOOK_AHEAD / (self.per_code * CHUNK))
        return max(LEAST_AHEAD, min(MOST_AHEAD, chunks + 1))


def _seconds(took: timedelta) -> float:
    return max(took.total_seconds(), 0.001)
