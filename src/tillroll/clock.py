"""The clock: the only module that asks the machine for the time.

Everything else takes `now` (an aware datetime in UTC) or a `Clock` as an argument. Tests move `SystemClock` with `freezegun`,
so no test waits for a schedule.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """Return the present moment, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; for measuring and pacing, not for dates."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, for half a minute at most: for the store's API, between steps of an import, and when the worker is idle."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
