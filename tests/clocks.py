"""A clock that tests set and move by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.shop import NOW
from tillroll.clock import SystemClock

_YIELD_SECONDS = 0.005  # seconds that a wait of a running clock leaves to other threads


class FakeClock:
    """A clock that moves only when a test or a wait moves it, or that follows the system clock and can also be moved."""

    def __init__(self, at: datetime = NOW, *, speed: float = 0.0, waits: bool = False) -> None:
        """`speed`: seconds per second of the system clock. `waits`: a sleep really waits instead of moving the clock."""
        self._machine = SystemClock()
        self._start, self._began = at, self._machine.monotonic()
        self._speed, self._waits = speed, waits
        self.moved = timedelta(0)

    @classmethod
    def running(cls, *, speed: float = 1.0, waits: bool = False) -> FakeClock:
        """Return a clock that starts at the system's current time and runs."""
        return cls(SystemClock().now(), speed=speed, waits=waits)

    @property
    def at(self) -> datetime:
        """The current time of this clock; assign to it to move the clock."""
        return self._start + timedelta(seconds=self.seconds)

    @at.setter
    def at(self, moment: datetime) -> None:
        self.moved += moment - self.at

    @property
    def seconds(self) -> float:
        """Seconds since its start."""
        ran = (self._machine.monotonic() - self._began) * self._speed if self._speed else 0.0
        return ran + self.moved.total_seconds()

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        if self._waits:
            self._machine.sleep(seconds / self._speed)
            return
        self.pass_by(seconds)
        if self._speed:
            self._machine.sleep(min(seconds, _YIELD_SECONDS))

    def pass_by(self, seconds: float) -> None:
        """Move the clock forward."""
        self.moved += timedelta(seconds=seconds)
