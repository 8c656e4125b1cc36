"""The rate limit: 600 requests a minute for a token, then 429 with `Retry-After`; further requests prolong it (section 2)."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque

from tillroll.clock import Clock
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.switches import Switches

_MINUTE = 60.0


class Allowance:
    """The requests of one token, on the store's clock. `Retry-After` is in the client's own seconds."""

    def __init__(self, clock: Clock, speed: float = 1.0, per_minute: int | None = None) -> None:
        self._clock = clock
        self._speed = speed
        self._per_minute = per_minute
        self._seen: deque[float] = deque()
        self._blocked_until = 0.0
        self._refusals: deque[float] = deque()
        self._told_until = 0.0
        self._lock = threading.Lock()
        self.refused = 0
        self.counted = 0
        self.early_requests = 0
        """How many requests arrived although the client had been told to wait. The server counts them."""

    def limit(self, switches: Switches) -> int:
        """Return the requests a minute: the token's own number, or the store's."""
        return switches.requests_per_minute if self._per_minute is None else self._per_minute

    @property
    def told_to_wait(self) -> bool:
        """Return whether the client has been told to wait until later than now; a request meanwhile counts against it."""
        return self._clock.now().timestamp() < self._told_until

    def take(self, switches: Switches, *, early: bool = True) -> None:
        """Count a request. Raises 429 when the minute's allowance is used up; a batch's inner request never prolongs it."""
        now = self._clock.now().timestamp()
        with self._lock:
            self._forget(now, switches)
            if now < self._blocked_until or len(self._seen) >= self.limit(switches):
                self._refuse(now, switches, early=early)
            self._seen.append(now)
            self.counted += 1

    def storm(self, retry_after: int) -> ApiError:
        """Raise a 429 that does not depend on the allowance; the client is told to wait all the same."""
        self._told_until = self._clock.now().timestamp() + retry_after * self._speed
        return _busy(retry_after)

    def headers(self, switches: Switches) -> dict[str, str]:
        """Return the headers that say what is left of the minute."""
        now = self._clock.now().timestamp()
        with self._lock:
            self._forget(now, switches)
            blocked, limit = now < self._blocked_until, self.limit(switches)
            left = 0 if blocked else max(0, limit - len(self._seen))
            room = self._until_room(now, switches) if self._seen else 0.0
            wait = self._blocked_until - now if blocked else room
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(math.ceil(wait / self._speed)),
        }

    def _forget(self, now: float, switches: Switches) -> None:
        start = math.floor(now / _MINUTE) * _MINUTE if switches.window == "fixed" else now - _MINUTE
        fixed = switches.window == "fixed"  # its first instant belongs to the new minute
        while self._seen and (self._seen[0] < start if fixed else self._seen[0] <= start):
            self._seen.popleft()

    def _until_room(self, now: float, switches: Switches) -> float:
        if switches.window == "fixed":
            return _MINUTE - now % _MINUTE
        return (self._seen[0] + _MINUTE - now) if self._seen else 1.0

    def _refuse(self, now: float, switches: Switches, *, early: bool) -> None:
        self.refused += 1
        if early:
            self._refusals.append(now)
        while self._refusals and self._refusals[0] <= now - _MINUTE:
            self._refusals.popleft()
        if switches.penalty_seconds and len(self._refusals) > switches.early_requests_allowed:
            self._blocked_until = now + switches.penalty_seconds
        blocked = now < self._blocked_until
        wait = self._blocked_until - now if blocked else self._until_room(now, switches)
        seconds = max(1, math.ceil(wait / self._speed))
        if early:
            self._told_until = max(self._told_until, now + seconds * self._speed)
        raise _busy(seconds)


class Addresses:
    """Addresses that use invalid tokens: one that sends many is blocked, even with a valid token later."""

    def __init__(self, clock: Clock, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self._bad: Counter[str] = Counter()
        self._banned_until: dict[str, float] = {}
        self.refused = 0

    def stranger(self, switches: Switches, address: str) -> None:
        """Count a request with an invalid token."""
        self._bad[address] += 1
        if switches.penalty_seconds and self._bad[address] >= switches.bad_tokens:
            self._bad[address] = 0
            self._banned_until[address] = self._clock.now().timestamp() + switches.penalty_seconds

    def check(self, address: str) -> None:
        """Raise 429 while the address is blocked."""
        if not self._banned_until:
            return
        wait = self._banned_until.get(address, 0.0) - self._clock.now().timestamp()
        if wait > 0:
            self.refused += 1
            raise _busy(max(1, math.ceil(wait / self._speed)))


def _busy(seconds: int) -> ApiError:
    return ApiError(429, "Too many requests", "RATE_LIMITED", headers={"Retry-After": str(seconds)})
