"""Quantities as people write them: `14d`, `10%`, `21:00-08:00`, `90d ago`.

Each parser takes what YAML gave and returns a value, or raises `ValueError` with a sentence that shows a right form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,5})\s*([mhdw])")
_AGO = re.compile(r"(.+?)\s+ago")
_CLOCK_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


def parse_duration(raw: Any) -> timedelta:
    """`30m`, `6h`, `14d`, `2w`: a whole number above zero and one unit."""
    if isinstance(raw, timedelta):
        return raw
    match = _DURATION.fullmatch(str(raw).strip())
    if match is None or int(match[1]) == 0 or isinstance(raw, bool):
        raise ValueError(f"{raw!r} is not a length of time; write it like 30m, 6h, 14d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_ago(raw: Any) -> timedelta:
    """`90d ago`: how far back, as a positive length of time."""
    if isinstance(raw, timedelta):
        return raw
    match = _AGO.fullmatch(str(raw).strip())
    if match is None:
        raise ValueError(f"{raw!r} is not a time in the past; write it like 90d ago or 6h ago")
    return parse_duration(match[1])


def parse_decimal(raw: Any) -> Decimal:
    """A number without a binary detour; true, false, inf and nan are not numbers here."""
    if isinstance(raw, Decimal) and raw.is_finite():
        return raw
    if isinstance(raw, int | float | str) and not isinstance(raw, bool):
        try:
            value = Decimal(str(raw).strip())
        except InvalidOperation:
            value = Decimal("nan")
        if value.is_finite():
            return value
    raise ValueError(f"{raw!r} is not a number; write it like 15 or 7.50")


def parse_share(raw: Any) -> Decimal:
    """`10%` as the fraction 0.10; at least 0 % and below 100 %."""
    if isinstance(raw, Decimal):
        return raw
    text = str(raw).strip()
    if not text.endswith("%"):
        raise ValueError(f"{raw!r} is not a share; write it like 10%")
    value = parse_decimal(text[:-1]) / 100
    if not 0 <= value < 1:
        raise ValueError(f"{raw!r} must be at least 0% and below 100%")
    return value


@dataclass(frozen=True, kw_only=True)
class ClockWindow:
    """A stretch of the day by the wall clock; `start` after `end` runs over midnight."""

    start: time
    end: time

    def contains(self, wall: time) -> bool:
        """Whether a wall-clock time lies inside (the start counts, the end does not)."""
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_clock_window(raw: Any) -> ClockWindow:
    """`21:00-08:00` as a window; the two ends must differ."""
    if isinstance(raw, ClockWindow):
        return raw
    match = _CLOCK_WINDOW.fullmatch(str(raw).strip())
    if match is None:
        raise ValueError(f"{raw!r} is not a stretch of the day; write it like 21:00-08:00")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise ValueError(f"{raw!r} starts and ends at the same minute")
    return ClockWindow(start=start, end=end)


_WALL_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def parse_wall_time(raw: Any) -> datetime:
    """`2026-11-27 09:00`: a moment by the wall clock of the campaign's time zone, without an offset."""
    if isinstance(raw, datetime) and raw.tzinfo is None:
        return raw
    for form in _WALL_FORMS:
        try:
            return datetime.strptime(str(raw).strip().replace("T", " "), form)  # noqa: DTZ007 - a wall time has no zone
        except ValueError:
            continue
    raise ValueError(
        f"{raw!r} is not a date and time; write it like 2026-11-27 09:00 (in the campaign's time zone)"
    )


def say_duration(length: timedelta) -> str:
    """The shortest exact form a person would write: `14d`, `6h`, `90m`."""
    minutes = int(length.total_seconds() // 60)
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Ago = Annotated[timedelta, BeforeValidator(parse_ago)]
Number = Annotated[Decimal, BeforeValidator(parse_decimal)]
Share = Annotated[Decimal, BeforeValidator(parse_share)]
Window = Annotated[ClockWindow, BeforeValidator(parse_clock_window)]
WallTime = Annotated[datetime, BeforeValidator(parse_wall_time)]
