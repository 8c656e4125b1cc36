"""600 requests a minute a token, then 429 with `Retry-After`; going on knocking may make it longer."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque

from tillroll.clock import Clock
from tillroll.sandbox.switches import Switches
from tillroll.sandbox.wire import ApiError

_MINUTE = 60.0
_KNOCKS = 20


class Allowance:
    """The requests of one token."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[float] = deque()
        self._blocked_until = 0.0
        self._knocks: deque[float] = deque()
        self._strangers: Counter[str] = Counter()
        self._banned_until: dict[str, float] = {}
        self._lock = threading.Lock()
        self.refused = 0
        self.counted = 0

    def take(self, switches: Switches, requests: int = 1) -> None:
        """Count a request; 429 when the minute's allowance is used up."""
        now = self._clock.now().timestamp()
        with self._lock:
            self._forget(now, switches)
            if now < self._blocked_until or len(self._seen) + requests > switches.requests_per_minute:
                self._refuse(now, switches)
            self._seen.extend([now] * requests)
            self.counted += requests

    def stranger(self, switches: Switches, address: str) -> None:
        """Count a dead token; an address that sends many is blocked, whatever it brings later."""
        with self._lock:
            self._strangers[address] += 1
            if switches.penalty_seconds and self._strangers[address] >= switches.bad_tokens:
                self._strangers[address] = 0
                self._banned_until[address] = self._clock.now().timestamp() + switches.penalty_seconds

    def check_address(self, address: str) -> None:
        """429 while the address is blocked."""
        wait = self._banned_until.get(address, 0.0) - self._clock.now().timestamp()
        if wait > 0:
            self.refused += 1
            raise _busy(wait)

    def _forget(self, now: float, switches: Switches) -> None:
        start = math.floor(now / _MINUTE) * _MINUTE if switches.window == "fixed" else now - _MINUTE
        fixed = switches.window == "fixed"  # its first instant belongs to the new minute
        while self._seen and (self._seen[0] < start if fixed else self._seen[0] <= start):
            self._seen.popleft()

    def _refuse(self, now: float, switches: Switches) -> None:
        self.refused += 1
        self._knocks.append(now)
        while self._knocks and self._knocks[0] <= now - _MINUTE:
            self._knocks.popleft()
        if switches.penalty_seconds and len(self._knocks) > _KNOCKS:
            self._blocked_until = now + switches.penalty_seconds
        if now < self._blocked_until:
            wait = self._blocked_until - now
        elif switches.window == "fixed":
            wait = _MINUTE - now % _MINUTE
        else:
            wait = (self._seen[0] + _MINUTE - now) if self._seen else 1.0
        raise _busy(wait)


def _busy(wait: float) -> ApiError:
    retry_after = {"Retry-After": str(max(1, math.ceil(wait)))}
    return ApiError(429, "Too many requests", "RATE_LIMITED", headers=retry_after)
