"""Days as customers write them in a field of the store: `1990-05-17`, `17.05.1990`, `05/17/1990`, `May 17, 1990`, `05-17`. Pure.

Which of two numbers is the month can't be seen in `03/04/1990`. The whole column decides: one value with a number above 12 is
enough, unless another one says the opposite. Dots always separate day, month and year in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

_LANGUAGES = ("en", "de", "fr", "it", "es", "sl", "nl", "pt")  # in which names of months are read
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ].*)?")
_DOTTED = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.?\s*(\d{4}|\d{2})?")
_TWO_NUMBERS = re.compile(r"(\d{1,2})\s*[-/]\s*(\d{1,2})(?:\s*[-/]\s*(\d{4}|\d{2}))?")
_DAY_AND_NAME = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|\.|º|er)?\s+(?:de\s+)?([^\W\d_]{3,})\.?,?(?:\s+(?:de\s+)?(\d{4}))?"
)
_NAME_AND_DAY = re.compile(r"([^\W\d_]{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(\d{4}))?")
_LEAP = 2000  # a year that has every day


class DayOrder(StrEnum):
    """Which number comes first in dates like 03/04/1990."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


@dataclass(frozen=True, kw_only=True)
class WrittenDay:
    """A day of the year; the year itself may be unknown."""

    month: int
    day: int
    year: int | None = None

    @property
    def month_day(self) -> str:
        """Return `05-17`."""
        return f"{self.month:02d}-{self.day:02d}"


def read_day(text: str, order: DayOrder | None) -> WrittenDay | None:
    """Return the day that a text names; None if it names none.

    Without `order`, it is None too if it depends on which of two numbers comes first.
    """
    text = text.strip().lower()
    if match := _YEAR_FIRST.fullmatch(text):
        return _day(month=match[2], day=match[3], year=match[1])
    if match := _DOTTED.fullmatch(text):
        return _day(month=match[2], day=match[1], year=match[3])
    if match := _TWO_NUMBERS.fullmatch(text):
        first, second = int(match[1]), int(match[2])
        if first > 12 or order is DayOrder.DAY_FIRST:
            return _day(month=match[2], day=match[1], year=match[3])
        if second > 12 or order is DayOrder.MONTH_FIRST or first == second:
            return _day(month=match[1], day=match[2], year=match[3])
        return None
    if match := _DAY_AND_NAME.fullmatch(text):
        return _day(month=_months().get(match[2], 0), day=match[1], year=match[3])
    if match := _NAME_AND_DAY.fullmatch(text):
        return _day(month=_months().get(match[1], 0), day=match[2], year=match[3])
    return None


def depends_on_order(text: str) -> bool:
    """Return whether the day that a text names depends on which number comes first."""
    return read_day(text, None) is None and read_day(text, DayOrder.DAY_FIRST) is not None


def order_of(values: Iterable[str]) -> DayOrder | None:
    """Return which number comes first in a column of dates; None if no value decides it, or if two contradict each other."""
    seen: set[DayOrder] = set()
    for value in values:
        match = _TWO_NUMBERS.fullmatch(value.strip())
        if match is None:
            continue
        first, second = int(match[1]), int(match[2])
        if first > 12 >= second:
            seen.add(DayOrder.DAY_FIRST)
        elif second > 12 >= first:
            seen.add(DayOrder.MONTH_FIRST)
    return seen.pop() if len(seen) == 1 else None


def _day(*, month: str | int, day: str | int, year: str | None) -> WrittenDay | None:
    try:
        date(_LEAP, int(month), int(day))
    except ValueError:
        return None
    full = int(year) if year is not None and len(year) == 4 else None
    return WrittenDay(month=int(month), day=int(day), year=full)


@cache
def _months() -> Mapping[str, int]:
    """Return the names of the months in lower case, long and short, in the languages that are read."""
    from babel import Locale

    names: dict[str, int] = {}
    for language in _LANGUAGES:
        months = Locale(language).months
        for form in ("format", "stand-alone"):
            for width in ("abbreviated", "wide"):
                for number, name in months[form][width].items():
                    names.setdefault(name.lower().rstrip("."), number)
    return names
