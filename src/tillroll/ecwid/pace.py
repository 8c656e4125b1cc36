"""One budget a token: spread the calls so that no minute, however the store counts it, sees more than its allowance.

The store allows 600 requests a minute and resets by the minute. Whether its window is fixed or slides is not documented, so
the calls are right for both: a bucket of some calls that refills evenly, with what it holds plus a minute's refill a little
below the allowance. The loop never takes the bucket's last calls: they are kept for people at the screen. While the store
says to wait, nothing is sent at all: a token that knocks while blocked is blocked for longer (docs.ecwid.com/api-reference,
"Rate limits").

The bucket's level is kept by a `Keeper`: in this process's memory, or in the ledger for all processes that share the token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from tillroll.clock import Clock
from tillroll.ecwid.errors import StoreBusy

LONGEST_PAUSE = 20.0
"""Seconds a call may wait here; a longer wait is the caller's to keep (`StoreBusy.retry_at`)."""

# 98.2 % flow in evenly and 1.2 % may go at once; what is left of the whole is for calls that bunch up on their way
_BURST_SHARE, _REFILL_SHARE = 0.012, 0.982
_KEPT_FOR_PEOPLE = 1 / 2  # of the bucket
# calls that a process takes at once, so that it need not ask for every one: so many seconds of them, and no more than it may
# send before it hears that another process was told to wait
_TAKEN_AHEAD, _MOST_AHEAD = 0.5, 3
_GOOD_FOR = 1.0  # seconds that calls taken ahead may be kept
_T = TypeVar("_T")


class Level(NamedTuple):
    """How full a token's bucket is. Moments are UNIX seconds, since several machines read them."""

    left: float  # calls; below zero while calls are promised for later
    at: float
    blocked_until: float = 0.0


Kept = tuple[float, float, float]
"""A `Level` as its keeper knows it: three numbers."""


class Keeper(Protocol):
    """Where a token's level is kept. `change` reads, decides and writes in one step that nobody else comes between."""

    def change(self, step: Callable[[Kept | None], tuple[Kept, _T]]) -> _T:
        """Replace the level by what `step` makes of it (None: never kept before), and hand on what `step` says."""
        ...


class InMemory:
    """A level that this process alone knows."""

    def __init__(self) -> None:
        self._level: Kept | None = None
        self._lock = threading.Lock()

    def change(self, step: Callable[[Kept | None], tuple[Kept, _T]]) -> _T:
        """See `Keeper`."""
        with self._lock:
            self._level, said = step(self._level)
            return said


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A token's allowance, as a bucket."""

    per_minute: int

    @property
    def holds(self) -> float:
        """Calls in a full bucket."""
        return max(1.0, self.per_minute * _BURST_SHARE)

    @property
    def per_second(self) -> float:
        """Calls that flow in."""
        return self.per_minute * _REFILL_SHARE / 60

    @property
    def kept_for_people(self) -> float:
        """Calls at the bottom of the bucket that the loop never takes."""
        return self.holds * _KEPT_FOR_PEOPLE if self.holds > 1 else 0.0

    def level(self, kept: Kept | None, now: float) -> Level:
        """The level by now; a clock that ran backwards adds nothing."""
        if kept is None:
            return Level(left=self.holds, at=now)
        left, at, blocked_until = kept
        passed = max(0.0, now - at)
        return Level(min(self.holds, left + passed * self.per_second), max(now, at), blocked_until)


class Pace:
    """Lets calls through at the pace of one token; shared by all threads that use it."""

    def __init__(self, clock: Clock, *, per_minute: int, keeper: Keeper | None = None) -> None:
        self._clock = clock
        self._rate = Rate(per_minute=per_minute)
        self._keeper = keeper or InMemory()
        self._lock = threading.Lock()
        self._ahead, self._ahead_until = 0, 0.0  # calls taken ahead, good until then
        self.calls = 0  # let through since the start

    def wait(self, *, person: bool = False) -> None:
        """Return when the next call may go; `StoreBusy` if that is further off than a call may wait.

        `person`: somebody waits at a screen, so the calls that are kept for people may be taken.
        """
        pause = self._pause(person)
        if pause > LONGEST_PAUSE:
            raise StoreBusy("The store asked to wait.", retry_at=self._clock.now() + timedelta(seconds=pause))
        if pause > 0:
            self._clock.sleep(pause)
        with self._lock:
            self.calls += 1

    def _pause(self, person: bool) -> float:
        """Take one call; the seconds until it may go. Nothing is taken when that is too far off."""
        now = self._clock.now().timestamp()
        with self._lock:
            if self._ahead and now < self._ahead_until:
                self._ahead -= 1
                return 0.0
        many = 1 if person else min(_MOST_AHEAD, max(1, int(self._rate.per_second * _TAKEN_AHEAD)))
        taken, pause = self._keeper.change(lambda kept: self._take(kept, now, many, person))
        if taken > 1:
            with self._lock:
                self._ahead, self._ahead_until = taken - 1, now + _GOOD_FOR
        return pause

    def _take(
        self, kept: Kept | None, now: float, many: int, person: bool
    ) -> tuple[Level, tuple[int, float]]:
        level = self._rate.level(kept, now)
        blocked = max(0.0, level.blocked_until - now)
        bottom = 0.0 if person else self._rate.kept_for_people
        if blocked == 0.0 and level.left - many >= bottom:
            return level._replace(left=level.left - many), (many, 0.0)
        missing = bottom + 1 - level.left
        pause = max(missing / self._rate.per_second, blocked, 0.0)
        if pause > LONGEST_PAUSE:
            return level, (0, pause)
        return level._replace(left=level.left - 1), (1, pause)

    def blocked_for(self, seconds: float) -> datetime:
        """The store said to wait: nothing goes out for so long, from any process. Returns until when."""
        now = self._clock.now()
        until = (now + timedelta(seconds=max(1.0, seconds))).timestamp()

        def block(kept: Kept | None) -> tuple[Level, float]:
            level = self._rate.level(kept, now.timestamp())
            later = max(until, level.blocked_until)
            return level._replace(left=min(level.left, 0.0), blocked_until=later), later

        with self._lock:
            self._ahead = 0
        return datetime.fromtimestamp(self._keeper.change(block), UTC)

    def told(self, remaining: int) -> None:
        """The store said how many calls it still allows (`X-RateLimit-Remaining`): never believe in more."""
        now = self._clock.now().timestamp()

        def believe(kept: Kept | None) -> tuple[Level, None]:
            level = self._rate.level(kept, now)
            return level._replace(left=min(level.left, float(remaining))), None

        if remaining < self._rate.holds:
            self._keeper.change(believe)

    def standing(self) -> Level:
        """How full the bucket is now, for `tillroll store check`."""
        now = self._clock.now().timestamp()

        def look(kept: Kept | None) -> tuple[Level, Level]:
            level = self._rate.level(kept, now)
            return level, level

        return self._keeper.change(look)
