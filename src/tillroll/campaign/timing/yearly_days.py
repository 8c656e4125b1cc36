"""Yearly days. 29 February is celebrated on the 28th in other years."""

from __future__ import annotations

from datetime import date

_YEARS = 120


def dates_celebrated_on(day: date) -> list[date]:
    """Return the dates, 1 to 120 years earlier, whose anniversary is on this day."""
    dates = []
    for years in range(1, _YEARS + 1):
        year = day.year - years
        if day.month == 2 and day.day == 29:
            dates += [date(year, 2, 29)] if _is_leap(year) else []
            continue
        dates.append(day.replace(year=year))
        if day.month == 2 and day.day == 28 and _is_leap(year) and not _is_leap(day.year):
            dates.append(date(year, 2, 29))
    return dates


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
