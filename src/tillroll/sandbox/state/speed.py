"""The store's clock: the machine's, or a faster one, so that a rule about an hour can be tried in a minute.

Everything the store measures runs on it: the minute of the allowance, index lag, batches' retries, the hour of
deduplication, webhooks' retries, and every date. It never runs backwards: the state file keeps its start.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tillroll.clock import Clock
from tillroll.sandbox.state.database import State


class FastClock:
    """A clock on which `speed` seconds pass for each second of the clock below."""

    def __init__(self, below: Clock, *, speed: float, began: float, shown: float) -> None:
        self._below, self._speed, self._began, self._shown = below, speed, began, shown

    def now(self) -> datetime:
        passed = self._below.now().timestamp() - self._began
        return datetime.fromtimestamp(self._shown + passed * self._speed, UTC)

    def monotonic(self) -> float:
        return self._below.monotonic() * self._speed

    def sleep(self, seconds: float) -> None:
        self._below.sleep(seconds / self._speed)


def clock_of(state: State, below: Clock, speed: float) -> Clock:
    """Return the clock of a state file. A file that always ran at speed 1 uses the clock below itself."""
    if speed <= 0:
        raise ValueError("the speed is a number above 0")
    kept = state.fact("clock")
    if not kept and speed == 1:
        return below
    now = below.now().timestamp()
    if not kept:
        began, shown = now, now
    else:
        before, began, shown = (float(part) for part in kept.split())
        if before == speed:
            return FastClock(below, speed=speed, began=began, shown=shown)
        began, shown = now, shown + (now - began) * before
    state.keep_fact("clock", f"{speed!r} {began!r} {shown!r}")
    return FastClock(below, speed=speed, began=began, shown=shown)
