"""Quantities as people write them: `14d`, `10%`, `21:00-08:00`, `90d ago`.

Each parser takes a value from YAML and returns a typed value, or raises `ValueError` with a sentence that shows a valid form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict, WithJsonSchema

from tillroll.campaign.text.written.habits import day_meant, length_meant, number_meant

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([0-9]{1,5})\s*([mhdw])")
_AGO = re.compile(r"(.+?)\s+ago")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,12}(\.[0-9]{0,6})?|\.[0-9]{1,6})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")

LONGEST = timedelta(days=3660)
"""Ten years. A longer time is a typing error, and a far longer one overflows `datetime`."""

_YEARS = range(
    2000, 2200
)  # other years are typing errors, and the edges of `datetime` overflow in some zones


class KeyFault(ValueError):
    """A fault of one key that depends on several keys; `key` is where to report it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def show_value(raw: Any) -> str:
    """Return a value of the file, short enough for a sentence."""
    if isinstance(raw, dict):
        return "a block of keys"
    if isinstance(raw, list | tuple):
        return "a list"
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, int) and abs(raw) >= 10**40:
        return "a huge number"  # Python refuses to format numbers of thousands of digits
    text = repr(raw[:80]) if isinstance(raw, str) else str(raw)
    return text if len(text) <= 60 else text[:57] + "..."


def _write(meant: Callable[[str], str], raw: Any, example: str) -> str:
    """Return what to write instead: the value that was probably meant, or else an example."""
    return f"write {(meant(raw) if isinstance(raw, str) else '') or example}"


def parse_duration(raw: Any) -> timedelta:
    """Parse `30m`, `6h`, `14d` or `2w`: a whole number above zero and one unit."""
    if isinstance(raw, timedelta):
        return raw
    match = _DURATION.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(
            f"{show_value(raw)} is not a duration; {_write(length_meant, raw, 'it like 30m, 6h, 14d or 2w')}"
        )
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > LONGEST:
        raise ValueError(f"{show_value(raw)} is longer than ten years")
    return length


_MOST_MONTHS = 24
"""`1m` to `24m` may be meant in months where minutes make no sense."""


def parse_period(raw: Any) -> timedelta:
    """Parse a duration where minutes make little sense: `3m`, which many people write for three months, is refused."""
    match = _DURATION.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is not None and match[2] == "m" and 0 < int(match[1]) <= _MOST_MONTHS:
        means = spell_duration(timedelta(minutes=int(match[1])))
        raise ValueError(
            f"{show_value(raw)} means {means}; for months write days, like {int(match[1]) * 30}d; "
            "the shortest time here is 30m"
        )
    return parse_duration(raw)


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """How long a code is valid. Days and weeks end with a day of the store's clock; hours and minutes are exact."""

    length: timedelta
    ends_with_day: bool

    def __str__(self) -> str:
        return spell_duration(self.length, in_days=self.ends_with_day)


def parse_lifetime(raw: Any) -> Lifetime:
    """Parse `14d` and `2w`, which last to the end of a day, or `24h` and `90m`, which are exact."""
    if isinstance(raw, Lifetime):
        return raw
    length = parse_period(raw)
    return Lifetime(length=length, ends_with_day=isinstance(raw, str) and raw.strip()[-1] in "dw")


def parse_ago(raw: Any) -> timedelta:
    """Parse `90d ago` to a positive duration."""
    if isinstance(raw, timedelta):
        return raw
    match = _AGO.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(f"{show_value(raw)} is not a time in the past; write it like 90d ago or 6h ago")
    return parse_period(match[1])


def parse_decimal(raw: Any) -> Decimal:
    """Parse a decimal number of up to 12 digits and 6 decimals; true, false, inf and nan are refused."""
    if isinstance(raw, Decimal) and raw.is_finite():
        return raw
    if isinstance(raw, int | float | str) and not isinstance(raw, bool):
        if isinstance(raw, int) and abs(raw) >= 10**12:
            raise ValueError(f"{show_value(raw)} is too large")
        text = str(raw).strip()
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
    raise ValueError(f"{show_value(raw)} is not a number; {_write(number_meant, raw, 'it like 15 or 7.50')}")


def parse_share(raw: Any) -> Decimal:
    """Parse `10%` to the fraction 0.10; at least 0% and below 100%."""
    if isinstance(raw, Decimal):
        return raw
    text = raw.strip() if isinstance(raw, str) else ""
    if not text.endswith("%"):
        raise ValueError(f"{show_value(raw)} is not a percentage; write it like 10%")
    value = parse_decimal(text[:-1]) / 100
    if not 0 <= value < 1:
        raise ValueError(f"{show_value(raw)} must be at least 0% and below 100%")
    return value


def parse_weight(raw: Any) -> Any:
    """Parse `25%` to the weight 25; a number is one already."""
    match = re.fullmatch(r"\s*(\d{1,3})\s*%\s*", raw) if isinstance(raw, str) else None
    return int(match[1]) if match else raw


@dataclass(frozen=True, kw_only=True)
class ClockWindow:
    """A time of day from `start` to `end` by the wall clock; a window with `start` after `end` spans midnight."""

    start: time
    end: time

    def contains(self, wall: time) -> bool:
        """Return whether a wall-clock time lies inside (start included, end excluded)."""
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_clock_window(raw: Any) -> ClockWindow:
    """Parse `21:00-08:00`; the two ends must differ."""
    if isinstance(raw, ClockWindow):
        return raw
    match = _CLOCK_WINDOW.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(f"{show_value(raw)} is not a time window; write it like 21:00-08:00")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise ValueError(f"{show_value(raw)} starts and ends at the same time")
    return ClockWindow(start=start, end=end)


_RATE = re.compile(r"([0-9]{1,7})\s*/\s*([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """A rate: `count` per `seconds`."""

    count: int
    seconds: int

    def __str__(self) -> str:
        unit = next(unit for unit, seconds in _SECONDS.items() if seconds == self.seconds)
        return f"{self.count}/{unit}"


def parse_rate(raw: Any) -> Pacing:
    """Parse `50/s`, `600/m` or `1000/h`: a number per second, minute or hour."""
    if isinstance(raw, Pacing):
        return raw
    match = _RATE.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{show_value(raw)} is not a rate; write it like 50/s, 600/m or 1000/h")
    return Pacing(count=int(match[1]), seconds=_SECONDS[match[2]])


_WALL_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def parse_wall_time(raw: Any, *, clock: str = "in the campaign's time zone") -> datetime:
    """Parse `2026-11-27 09:00`, a wall time without an offset. `clock` says in errors whose clock it is."""
    if isinstance(raw, datetime) and raw.tzinfo is None:
        return raw
    for form in _WALL_FORMS if isinstance(raw, str) else ():
        try:
            wall = datetime.strptime(raw.strip().replace("T", " "), form)  # noqa: DTZ007 - a wall time has no zone
        except ValueError:
            continue
        if wall.year not in _YEARS:
            raise ValueError(f"{show_value(raw)}: the year must be between {_YEARS[0]} and {_YEARS[-1]}")
        return wall
    form = _write(day_meant, raw, "it like 2026-11-27 09:00")
    raise ValueError(f"{show_value(raw)} is not a date and time; {form} ({clock})")


def parse_wall_end(raw: Any) -> datetime:
    """Parse the wall time at which something ends. A day alone is good to its last second."""
    wall = parse_wall_time(raw)
    is_day = isinstance(raw, str) and _DAY.fullmatch(raw.strip()) is not None
    return datetime.combine(wall, time(23, 59, 59)) if is_day else wall


def parse_day(raw: Any) -> date:
    """Parse `2026-12-25`. Numbers are refused: some libraries would read them as seconds."""
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    if isinstance(raw, str) and _DAY.fullmatch(raw.strip()):
        try:
            return date.fromisoformat(raw.strip())
        except ValueError:
            pass
    raise ValueError(f"{show_value(raw)} is not a date; {_write(day_meant, raw, 'it like 2026-12-25')}")


def say_duration(length: timedelta) -> str:
    """Return the shortest exact form of a duration in whole minutes: `14d`, `6h`, `90m`."""
    minutes = int(length.total_seconds() // 60)
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def spell_duration(length: timedelta, *, in_days: bool = True) -> str:
    """Return a duration in words: `14 days`, `1 hour`. Without `in_days`, a day is `24 hours`."""
    short = say_duration(length)
    if not in_days and short.endswith("d"):
        short = f"{int(short[:-1]) * 24}h"
    number, unit = short[:-1], {"d": "day", "h": "hour", "m": "minute"}[short[-1]]
    return f"{number} {unit}{'' if number == '1' else 's'}"


def _text(pattern: str) -> WithJsonSchema:
    """Return the JSON Schema of a quantity: text that matches a pattern."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


_ONE_DURATION = r"[0-9]{1,5}\s*[mhdw]"
_MINUTE = r"([01]\d|2[0-3]):[0-5]\d"
Duration = Annotated[timedelta, BeforeValidator(parse_duration), _text(rf"^\s*{_ONE_DURATION}\s*$")]
Period = Annotated[timedelta, BeforeValidator(parse_period), _text(rf"^\s*{_ONE_DURATION}\s*$")]
Ago = Annotated[timedelta, BeforeValidator(parse_ago), _text(rf"^\s*{_ONE_DURATION}\s+ago\s*$")]
Number = Annotated[Decimal, BeforeValidator(parse_decimal), WithJsonSchema({"type": "number"})]
Share = Annotated[Decimal, BeforeValidator(parse_share), _text(r"^\s*[0-9]{1,2}([.][0-9]+)?\s*%\s*$")]
Window = Annotated[
    ClockWindow, BeforeValidator(parse_clock_window), _text(rf"^\s*{_MINUTE}\s*-\s*{_MINUTE}\s*$")
]
Day = Annotated[date, BeforeValidator(parse_day), _text(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*$")]
WallTime = Annotated[
    datetime,
    BeforeValidator(parse_wall_time),
    _text(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?\s*$"),
]
WallEnd = Annotated[
    datetime,
    BeforeValidator(parse_wall_end),
    _text(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?\s*$"),
]
ValidFor = Annotated[Lifetime, BeforeValidator(parse_lifetime), _text(rf"^\s*{_ONE_DURATION}\s*$")]
Rate = Annotated[Pacing, BeforeValidator(parse_rate), _text(r"^\s*[0-9]{1,7}\s*/\s*[smh]\s*$")]
Whole = Annotated[int, Strict()]
"""A whole number; `true` and text are refused."""

Weight = Annotated[
    int,
    Strict(),
    BeforeValidator(parse_weight),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1000},
                {"type": "string", "pattern": r"^\s*[0-9]{1,3}\s*%\s*$"},
            ]
        }
    ),
]
"""A whole number, which may be written as a percentage."""
