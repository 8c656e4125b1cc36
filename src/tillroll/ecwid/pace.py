"""One budget a token: spread the calls so that no minute, however the store counts it, sees more than its allowance.

The store allows 600 requests a minute and resets by the minute. Whether its window is fixed or slides is not documented, so
the calls are right for both: a bucket of `burst` calls that refills evenly, with `burst` plus a minute's refill equal to the
allowance less a share kept for people at the screen. While the store says to wait, nothing is sent at all: a token that
knocks while blocked is blocked for longer (docs.ecwid.com/api-reference, "Rate limits").
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from tillroll.clock import Clock
from tillroll.ecwid.errors import StoreBusy

_BURST_SHARE = 0.1
LONGEST_PAUSE = 20.0
"""Seconds a call may wait here; a longer wait is the caller's to keep (`StoreBusy.retry_at`)."""


class Pace:
    """Lets calls through at the pace of one token; shared by all threads that use it."""

    def __init__(self, clock: Clock, *, per_minute: int, kept_for_people: float = 0.05) -> None:
        usable = per_minute * (1 - kept_for_people)
        self._clock = clock
        self._burst = max(1.0, usable * _BURST_SHARE)
        self._per_second = (usable - self._burst) / 60 if usable > self._burst else usable / 60
        self._left = self._burst
        self._filled_at = clock.monotonic()
        self._blocked_until: datetime | None = None
        self._lock = threading.Lock()
        self.calls = 0  # let through since the start

    def wait(self) -> None:
        """Return when the next call may go; `StoreBusy` if that is further off than a call may wait."""
        pause = self._reserve()
        if pause > 0:
            self._clock.sleep(pause)

    def _reserve(self) -> float:
        """Take one call from the bucket; the seconds until it is due."""
        with self._lock:
            now = self._clock.now()
            blocked = (self._blocked_until - now).total_seconds() if self._blocked_until else 0.0
            if blocked > LONGEST_PAUSE:
                assert self._blocked_until is not None  # noqa: S101 - told apart one line above
                raise StoreBusy("The store asked to wait.", retry_at=self._blocked_until)
            moment = self._clock.monotonic()
            self._left = min(self._burst, self._left + (moment - self._filled_at) * self._per_second)
            self._filled_at = moment
            self._left -= 1
            self.calls += 1
            due = -self._left / self._per_second if self._left < 0 else 0.0
            return max(due, blocked, 0.0)

    def blocked_for(self, seconds: float) -> datetime:
        """The store said to wait: nothing goes out for so long. Returns until when."""
        with self._lock:
            until = self._clock.now() + timedelta(seconds=max(1.0, seconds))
            self._blocked_until = max(until, self._blocked_until) if self._blocked_until else until
            self._left = 0.0
            return self._blocked_until

    def seconds_for(self, calls: int) -> float:
        """How long so many calls take at this pace, from a full bucket."""
        return max(0.0, calls - self._burst) / self._per_second
