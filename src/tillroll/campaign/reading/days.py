"""The days that an e-mail names, against those that its code works. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from tillroll.campaign.reading.expected import Expected
from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind

_PAST = timedelta(days=400)  # days further back are history: “since 1987”
_AHEAD = timedelta(days=1_100)  # what looks like a day further ahead is something else
_ISO = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])")
_NUMERIC = re.compile(r"(?<![\w./-])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4}|\d{2})?(?![\w/-])")


@dataclass(frozen=True, kw_only=True)
class DaySaid:
    """A day as an e-mail names it. Some ways of writing can mean two."""

    words: str
    meant: tuple[date, ...]


def days_in(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    """Yield the days that a text names and that aren't the code's, nor the event's; `own` are the template's own words.

    A text that names the code's last day may name other days too, which is only a warning.
    """
    if expected.ends is None:
        return
    said = [day for day in days_said(text, expected) if _is_near(day, expected.today)]
    wrong = [day for day in said if not expected.days & set(day.meant)]
    is_named = any(expected.ends in day.meant for day in said)
    for day in wrong:
        literal = day.words if day.words in own else ""
        problem = f"it says {day.words}, but the code works until {expected.ends:%Y-%m-%d}"
        yield WordFault(
            kind=WordKind.DATES, part=part, problem=problem, literal=literal, is_certain=not is_named
        )


def _is_near(day: DaySaid, today: date) -> bool:
    return any(today - _PAST <= meant <= today + _AHEAD for meant in day.meant)


def days_said(text: str, expected: Expected) -> Iterator[DaySaid]:
    """Yield the days that a text names, in the store's language or in English."""
    for match in _ISO.finditer(text):
        yield from _day(match[0], [(int(match[1]), int(match[2]), int(match[3]))])
    for match in _NUMERIC.finditer(text):
        if match[2] == "-" or (match[4] is None and match[2] != "."):
            continue  # a telephone number, a fraction
        first, second = int(match[1]), int(match[3])
        year = _year(match[4], second, first, expected.today)
        orders = (
            [(year, second, first)] if match[2] == "." else [(year, second, first), (year, first, second)]
        )
        yield from _day(match[0], orders)
    for pattern, months in _named_months(expected.language):
        for match in pattern.finditer(text):
            month = months[(match["month"] or match["first"]).lower()]
            day = int(match["day"] or match["late"])
            year = _year(match["year"], month, day, expected.today)
            yield from _day(match[0], [(year, month, day)])


def _day(words: str, orders: list[tuple[int, int, int]]) -> Iterator[DaySaid]:
    meant = []
    for year, month, day in orders:
        try:
            meant.append(date(year, month, day))
        except ValueError:
            continue
    if meant:
        yield DaySaid(words=words.strip(), meant=tuple(meant))


def _year(written: str | None, month: int, day: int, today: date) -> int:
    """Return the year of a day; of one without a year, the next time that it comes, or the present if it has just been."""
    if written is not None:
        return int(written) + (2000 if len(written) == 2 else 0)
    try:
        near = date(today.year, month, day)
    except ValueError:
        return today.year
    return today.year if near >= today - timedelta(days=60) else today.year + 1


@lru_cache(maxsize=64)
def _named_months(language: str) -> tuple[tuple[re.Pattern[str], dict[str, int]], ...]:
    """Return a pattern of days with the name of a month, and the months by name; in the language and in English."""
    found = []
    for tag in dict.fromkeys((language, "en")):
        months = _months(tag)
        if not months:
            continue
        names = "|".join(sorted(map(re.escape, months), key=len, reverse=True))
        pattern = re.compile(
            rf"(?<!\w)(?:(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?\s(?:de\s|of\s)?(?P<month>{names})\.?"
            rf"|(?P<first>{names})\.?\s(?P<late>\d{{1,2}})(?:st|nd|rd|th)?(?!\d))"
            r"(?:,?\s(?:de\s)?(?P<year>\d{4}))?(?!\w)",
            re.IGNORECASE,
        )
        found.append((pattern, months))
    return tuple(found)


def _months(tag: str) -> dict[str, int]:
    """Return the names of the months in a language; none in a language that Babel doesn't know."""
    from babel import Locale, UnknownLocaleError
    from babel.dates import get_month_names

    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return {}
    months: dict[str, int] = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            for number, name in get_month_names(width, context, locale).items():
                months.setdefault(name.lower().rstrip("."), number)
    return {name: number for name, number in months.items() if not name.isdigit() and len(name) > 2}
