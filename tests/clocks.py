"""Clocks that tests set and move by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from freezegun import freeze_time
from freezegun.api import TickingDateTimeFactory

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


class Days:
    """The system clock of a whole installation and its store: it runs, and a test can let days pass at once."""

    def __init__(self, frozen: TickingDateTimeFactory) -> None:
        self._frozen = frozen

    def tick(self, length: timedelta) -> None:
        """Let time pass, from now on.

        freezegun's own `tick` counts from where it was moved last and drops the time that has passed since. On a slow machine
        that turns the clock back, so that the store's news seems older than what was already done.
        """
        self.move_to(self._frozen().replace(tzinfo=UTC) + length)

    def move_to(self, moment: datetime) -> None:
        self._frozen.move_to(moment)


@contextmanager
def days_from(start: datetime) -> Iterator[Days]:
    """Run the system clock from `start` until the end of the block."""
    with freeze_time(start, tick=True) as frozen:
        assert isinstance(frozen, TickingDateTimeFactory)
        yield Days(frozen)
