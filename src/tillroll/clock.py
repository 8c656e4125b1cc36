"""The one place that asks for the time.

Everything else takes `now` as an argument (an aware datetime in UTC) or a `Clock`. `freezegun` moves `SystemClock`
in tests, so nothing waits for a schedule.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; for measuring and pacing, never for dates."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Only `ecwid/` and the worker's idle pause use it, for seconds at most."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
