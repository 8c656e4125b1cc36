"""Days that come round every year, February 29 included: in a year without it, it is kept on the 28th."""

from __future__ import annotations

from datetime import date

_YEARS = 120


def years_ago(day: date) -> list[date]:
    """The days, one to 120 years before, whose yearly return is this day."""
    found = []
    for years in range(1, _YEARS + 1):
        year = day.year - years
        if day.month == 2 and day.day == 29:
            found += [date(year, 2, 29)] if _leaps(year) else []
            continue
        found.append(day.replace(year=year))
        if day.month == 2 and day.day == 28 and _leaps(year) and not _leaps(day.year):
            found.append(date(year, 2, 29))
    return found


def _leaps(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
