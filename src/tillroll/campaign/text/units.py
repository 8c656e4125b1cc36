"""Quantities as people write them: `14d`, `10%`, `21:00-08:00`, `90d ago`.

Each parser takes what YAML gave and returns a value, or raises `ValueError` with a sentence that shows a right form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict, WithJsonSchema

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([0-9]{1,5})\s*([mhdw])")
_AGO = re.compile(r"(.+?)\s+ago")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,12}(\.[0-9]{0,6})?|\.[0-9]{1,6})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")

LONGEST = timedelta(days=3660)
"""Ten years: longer is a slip of the finger, and far longer leaves the calendar of the machine."""

_YEARS = range(
    2000, 2200
)  # a wall time outside is a typing slip, and the edges of `datetime` overflow in some zones


class KeyFault(ValueError):
    """A fault of one key that shows only when several are looked at together."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def shown(raw: Any) -> str:
    """What the file says, short enough for a sentence."""
    if isinstance(raw, dict):
        return "a block of keys"
    if isinstance(raw, list | tuple):
        return "a list"
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, int) and abs(raw) >= 10**40:
        return "a huge number"  # Python itself refuses to write out numbers of thousands of digits
    text = repr(raw[:80]) if isinstance(raw, str) else str(raw)
    return text if len(text) <= 60 else text[:57] + "..."


def parse_duration(raw: Any) -> timedelta:
    """`30m`, `6h`, `14d`, `2w`: a whole number above zero and one unit."""
    if isinstance(raw, timedelta):
        return raw
    match = _DURATION.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{shown(raw)} is not a length of time; write it like 30m, 6h, 14d or 2w")
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > LONGEST:
        raise ValueError(f"{shown(raw)} is longer than ten years")
    return length


def parse_ago(raw: Any) -> timedelta:
    """`90d ago`: how far back, as a positive length of time."""
    if isinstance(raw, timedelta):
        return raw
    match = _AGO.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(f"{shown(raw)} is not a time in the past; write it like 90d ago or 6h ago")
    return parse_duration(match[1])


def parse_decimal(raw: Any) -> Decimal:
    """A number without a binary detour: up to 12 digits and 6 decimals; true, false, inf and nan are not numbers here."""
    if isinstance(raw, Decimal) and raw.is_finite():
        return raw
    if isinstance(raw, int | float | str) and not isinstance(raw, bool):
        if isinstance(raw, int) and abs(raw) >= 10**12:
            raise ValueError(f"{shown(raw)} is far too large")
        text = str(raw).strip()
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
    raise ValueError(f"{shown(raw)} is not a number; write it like 15 or 7.50")


def parse_share(raw: Any) -> Decimal:
    """`10%` as the fraction 0.10; at least 0 % and below 100 %."""
    if isinstance(raw, Decimal):
        return raw
    text = raw.strip() if isinstance(raw, str) else ""
    if not text.endswith("%"):
        raise ValueError(f"{shown(raw)} is not a share; write it like 10%")
    value = parse_decimal(text[:-1]) / 100
    if not 0 <= value < 1:
        raise ValueError(f"{shown(raw)} must be at least 0% and below 100%")
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
    match = _CLOCK_WINDOW.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(f"{shown(raw)} is not a stretch of the day; write it like 21:00-08:00")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise ValueError(f"{shown(raw)} starts and ends at the same minute")
    return ClockWindow(start=start, end=end)


_RATE = re.compile(r"([0-9]{1,7})\s*/\s*([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """So many in a stretch of time."""

    count: int
    seconds: int

    def __str__(self) -> str:
        unit = next(unit for unit, seconds in _SECONDS.items() if seconds == self.seconds)
        return f"{self.count}/{unit}"


def parse_rate(raw: Any) -> Pacing:
    """`50/s`, `1000/h`: how many a second, minute or hour."""
    if isinstance(raw, Pacing):
        return raw
    match = _RATE.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{shown(raw)} is not a rate; write it like 50/s, 600/m or 1000/h")
    return Pacing(count=int(match[1]), seconds=_SECONDS[match[2]])


_WALL_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def parse_wall_time(raw: Any) -> datetime:
    """`2026-11-27 09:00`: a moment by the wall clock of the campaign's time zone, without an offset."""
    if isinstance(raw, datetime) and raw.tzinfo is None:
        return raw
    for form in _WALL_FORMS if isinstance(raw, str) else ():
        try:
            wall = datetime.strptime(raw.strip().replace("T", " "), form)  # noqa: DTZ007 - a wall time has no zone
        except ValueError:
            continue
        if wall.year not in _YEARS:
            raise ValueError(f"{shown(raw)}: the year must be between {_YEARS[0]} and {_YEARS[-1]}")
        return wall
    raise ValueError(
        f"{shown(raw)} is not a date and time; write it like 2026-11-27 09:00 (in the campaign's time zone)"
    )


def parse_day(raw: Any) -> date:
    """`2026-12-25`: a day of the calendar; a number is not one, though some libraries take it for seconds."""
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    if isinstance(raw, str) and _DAY.fullmatch(raw.strip()):
        try:
            return date.fromisoformat(raw.strip())
        except ValueError:
            pass
    raise ValueError(f"{shown(raw)} is not a day of the calendar; write it like 2026-12-25")


def say_duration(length: timedelta) -> str:
    """The shortest exact form a person would write: `14d`, `6h`, `90m`."""
    minutes = int(length.total_seconds() // 60)
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def spell_duration(length: timedelta) -> str:
    """The same in words: `14 days`, `1 hour`."""
    short = say_duration(length)
    number, unit = short[:-1], {"d": "day", "h": "hour", "m": "minute"}[short[-1]]
    return f"{number} {unit}{'' if number == '1' else 's'}"


def _text(pattern: str) -> WithJsonSchema:
    """What an editor is told of a quantity: text of this form."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


_ONE_DURATION = r"[0-9]{1,5}\s*[mhdw]"
_MINUTE = r"([01]\d|2[0-3]):[0-5]\d"
Duration = Annotated[timedelta, BeforeValidator(parse_duration), _text(rf"^\s*{_ONE_DURATION}\s*$")]
Ago = Annotated[timedelta, BeforeValidator(parse_ago), _text(rf"^\s*{_ONE_DURATION}\s+ago\s*$")]
Number = Annotated[Decimal, BeforeValidator(parse_decimal), WithJsonSchema({"type": "number"})]
Share = Annotated[Decimal, BeforeValidator(parse_share), _text(r"^\s*[0-9]{1,2}([.][0-9]+)?\s*%\s*$")]
Window = Annotated[
    ClockWindow, BeforeValidator(parse_clock_window), _text(rf"^\s*{_MINUTE}\s*-\s*{_MINUTE}\s*$")
]
WallTime = Annotated[
    datetime,
    BeforeValidator(parse_wall_time),
    _text(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?\s*$"),
]
Day = Annotated[date, BeforeValidator(parse_day), _text(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*$")]
Rate = Annotated[Pacing, BeforeValidator(parse_rate), _text(r"^\s*[0-9]{1,7}\s*/\s*[smh]\s*$")]
Whole = Annotated[int, Strict()]
"""A whole number: `true` is not 1, and text is not a number."""
