"""The rate limit of one token: no minute, however the store counts it, has more calls than allowed.

The store allows 600 requests a minute. Whether it counts fixed or sliding minutes is not documented, so the limit suits both: a
token bucket that refills evenly, and whose capacity plus a minute's refill is slightly below the allowance. The loop never takes
the bucket's last calls: they are kept for people at a screen. While the store has asked to wait, nothing is sent, because calls
during a block prolong it (docs.ecwid.com/api-reference, "Rate limits").

A `Keeper` holds the bucket's level: in this process's memory, or in the ledger for all processes that share the token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from tillroll.clock import Clock
from tillroll.ecwid.http.errors import StoreBusy

LONGEST_PAUSE = 20.0
"""The longest that a call may wait here, in seconds. For a longer wait `StoreBusy` is raised with its `retry_at`."""

# 98.2% refill evenly and 1.2% may go at once; the rest is a margin for calls that bunch up on the network
_BURST_SHARE, _REFILL_SHARE = 0.012, 0.982
_KEPT_FOR_PEOPLE = 1 / 2  # of the bucket
# a process takes several calls at once, so that it need not ask the keeper for each: half a second's worth, but few enough that
# it soon hears when another process was told to wait
_TAKEN_AHEAD, _MOST_AHEAD = 0.5, 3
_GOOD_FOR = 1.0  # seconds; calls taken ahead lapse after that
_T = TypeVar("_T")


class BucketLevel(NamedTuple):
    """How full a token's bucket is. Moments are UNIX seconds, since several machines read them."""

    left: float  # calls; below zero while calls are promised for later
    at: float  # when that was
    blocked_until: float = 0.0


StoredLevel = tuple[float, float, float]
"""A `BucketLevel` as plain numbers, for a keeper."""


class Keeper(Protocol):
    """Holds a token's level. `change` reads, decides and writes atomically."""

    def change(self, step: Callable[[StoredLevel | None], tuple[StoredLevel, _T]]) -> _T:
        """Replace the level with the first value that `step` returns for it (None: no level yet); return the second value."""
        ...


class InMemory:
    """Holds a level for this process alone."""

    def __init__(self) -> None:
        self._level: StoredLevel | None = None
        self._lock = threading.Lock()

    def change(self, step: Callable[[StoredLevel | None], tuple[StoredLevel, _T]]) -> _T:
        """See `Keeper`."""
        with self._lock:
            self._level, answer = step(self._level)
            return answer


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The size and refill of a token's bucket."""

    per_minute: int

    @property
    def capacity(self) -> float:
        """Calls in a full bucket."""
        return max(1.0, self.per_minute * _BURST_SHARE)

    @property
    def per_second(self) -> float:
        """Calls added each second."""
        return self.per_minute * _REFILL_SHARE / 60

    @property
    def kept_for_people(self) -> float:
        """Calls at the bottom of the bucket that the loop never takes."""
        return self.capacity * _KEPT_FOR_PEOPLE if self.capacity > 1 else 0.0

    def level(self, stored: StoredLevel | None, now: float) -> BucketLevel:
        """Return the level by now. A clock that ran backwards adds nothing."""
        if stored is None:
            return BucketLevel(left=self.capacity, at=now)
        left, at, blocked_until = stored
        passed = max(0.0, now - at)
        return BucketLevel(min(self.capacity, left + passed * self.per_second), max(now, at), blocked_until)


class Pace:
    """Makes calls wait for the rate limit of one token. Shared by all threads that use the token."""

    def __init__(
        self, clock: Clock, *, per_minute: int, keeper: Keeper | None = None, counts_inner: bool = False
    ) -> None:
        """`counts_inner`: the store counts the requests inside a batch too, as `tillroll store probe` found out."""
        self._counts_inner = counts_inner
        self._clock = clock
        self._rate = Rate(per_minute=per_minute)
        self._keeper = keeper or InMemory()
        self._lock = threading.Lock()
        self._ahead, self._ahead_until = 0, 0.0  # calls taken ahead, and when they lapse
        self.calls = 0  # let through so far

    def wait(self, *, person: bool = False) -> None:
        """Wait until the next call may go. Raises `StoreBusy` at once if that takes longer than `LONGEST_PAUSE`.

        `person`: somebody waits at a screen, so a call that is kept for people may be taken.
        """
        pause = self._pause(person)
        if pause > LONGEST_PAUSE:
            raise StoreBusy(
                "The store has asked us to wait.", retry_at=self._clock.now() + timedelta(seconds=pause)
            )
        if pause > 0:
            self._clock.sleep(pause)
        with self._lock:
            self.calls += 1

    def _pause(self, person: bool) -> float:
        """Take a call and return the seconds until it may go. None is taken if that is longer than `LONGEST_PAUSE`."""
        now = self._clock.now().timestamp()
        with self._lock:
            if self._ahead and now < self._ahead_until:
                self._ahead -= 1
                return 0.0
        many = 1 if person else min(_MOST_AHEAD, max(1, int(self._rate.per_second * _TAKEN_AHEAD)))
        taken, pause = self._keeper.change(lambda stored: self._take(stored, now, many, person))
        if taken > 1:
            with self._lock:
                self._ahead, self._ahead_until = taken - 1, now + _GOOD_FOR
        return pause

    def _take(
        self, stored: StoredLevel | None, now: float, many: int, person: bool
    ) -> tuple[BucketLevel, tuple[int, float]]:
        """Return the new level, and how many calls were taken with the seconds until the first may go."""
        level = self._rate.level(stored, now)
        blocked = max(0.0, level.blocked_until - now)
        bottom = 0.0 if person else self._rate.kept_for_people
        if blocked == 0.0 and level.left - many >= bottom:
            return level._replace(left=level.left - many), (many, 0.0)
        missing = bottom + 1 - level.left
        pause = max(missing / self._rate.per_second, blocked, 0.0)
        if pause > LONGEST_PAUSE:
            return level, (0, pause)
        return level._replace(left=level.left - 1), (1, pause)

    def block_for(self, seconds: float) -> datetime:
        """Let no call through for so long, from any process, because the store asked to wait. Return until when."""
        now = self._clock.now()
        until = (now + timedelta(seconds=max(1.0, seconds))).timestamp()

        def block(stored: StoredLevel | None) -> tuple[BucketLevel, float]:
            level = self._rate.level(stored, now.timestamp())
            later = max(until, level.blocked_until)
            return level._replace(left=min(level.left, 0.0), blocked_until=later), later

        with self._lock:
            self._ahead = 0
        return datetime.fromtimestamp(self._keeper.change(block), UTC)

    def note_remaining(self, remaining: int) -> None:
        """Lower our count of the calls left to the store's own (`X-RateLimit-Remaining`). A higher number is ignored."""
        now = self._clock.now().timestamp()

        def lower(stored: StoredLevel | None) -> tuple[BucketLevel, None]:
            level = self._rate.level(stored, now)
            return level._replace(left=min(level.left, float(remaining))), None

        if remaining < self._rate.capacity:
            self._keeper.change(lower)

    def spend_inner(self, requests: int) -> None:
        """Count the requests inside a batch that was just posted, if the store counts them against the rate limit."""
        if not self._counts_inner:
            return
        now = self._clock.now().timestamp()

        def spend(stored: StoredLevel | None) -> tuple[BucketLevel, None]:
            level = self._rate.level(stored, now)
            return level._replace(left=level.left - requests), None

        self._keeper.change(spend)

    def level(self) -> BucketLevel:
        """Return how full the bucket is now, for `tillroll store check`."""
        now = self._clock.now().timestamp()

        def read(stored: StoredLevel | None) -> tuple[BucketLevel, BucketLevel]:
            level = self._rate.level(stored, now)
            return level, level

        return self._keeper.change(read)
