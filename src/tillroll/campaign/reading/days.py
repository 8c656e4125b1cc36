"""The days that an e-mail names, against those that its code works. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from tillroll.campaign.reading.expected import Expected
from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind
from tillroll.campaign.reading.said.deadlines import deadlines_in, speaks_of_end, weekday_before
from tillroll.campaign.reading.said.months import month_names

_PAST = timedelta(days=400)  # days further back are history: “since 1987”
_AHEAD = timedelta(days=1_100)  # what looks like a day further ahead is something else
_ISO = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])")
_NUMERIC = re.compile(r"(?<![\w./-])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4}|\d{2})?(?![\w/-])")
_SHORT = re.compile(
    r"(?<![\w./-])(\d{1,2})([./])(\d{1,2})(?![\w./-])(?!\s?(?:uhr|h|am|pm|a\.m|p\.m)\b)", re.IGNORECASE
)
"""A day without a year, which is only one behind a word like until: else it may be a fraction or a time."""


@dataclass(frozen=True, kw_only=True)
class DaySaid:
    """A day as an e-mail names it. Some ways of writing can mean two."""

    words: str
    meant: tuple[date, ...]
    is_other_weekday: bool = False  # it is named with a weekday that it isn't
    is_counted: bool = False  # it is so many days away, whatever the day
    is_end: bool = False  # the words around it speak of an end: "until Friday"


def days_in(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    """Yield the days that a text names and that aren't the code's, nor the event's; `own` are the template's own words.

    A text that names the code's last day may name other days too, which is only a warning.
    """
    if expected.ends is None:
        return
    said = [day for day in days_said(text, expected) if _is_near(day, expected.today)]
    is_named = any(expected.ends in day.meant for day in said)
    if expected.leaves is not None:
        ends = deadlines_in(text, expected.language, expected.leaves)
        said += [
            DaySaid(words=end.words, meant=end.meant, is_end=True, is_counted=end.is_counted) for end in ends
        ]
    for day in said:
        if day.is_other_weekday:
            problem, is_certain = f"it says {day.words}, which is another weekday", True
        elif _true_of(day, expected) & set(day.meant):
            continue
        else:
            problem = f"it says {day.words}, but the code works until {expected.ends:%Y-%m-%d}"
            is_certain = not is_named
            if day.is_end and expected.leaves is not None:
                problem = f"{problem}, if the e-mail leaves on {expected.leaves:%Y-%m-%d}"
                is_certain = is_certain and (expected.is_leaving_sure or day.is_counted)
        literal = day.words if day.words in own else ""
        yield WordFault(
            kind=WordKind.DATES, part=part, problem=problem, literal=literal, is_certain=is_certain
        )


def _true_of(day: DaySaid, expected: Expected) -> frozenset[date]:
    """Return the days that may be named so: an end is the code's last day, or a day that is still to come when it leaves."""
    if not day.is_end or expected.leaves is None:
        return expected.days
    to_come = {each for each in expected.days if each > expected.leaves}
    return frozenset(to_come if expected.ends is None else to_come | {expected.ends})


def _is_near(day: DaySaid, today: date) -> bool:
    return any(today - _PAST <= meant <= today + _AHEAD for meant in day.meant)


def days_said(text: str, expected: Expected) -> Iterator[DaySaid]:
    """Yield the days that a text names, in the store's language or in one of the starter e-mails'."""
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
        yield from _day(match[0], orders, weekday_before(text, match.start(), expected.language))
    for match in _SHORT.finditer(text):
        if speaks_of_end(text, match.start()):
            first, second = int(match[1]), int(match[3])
            pairs = [(second, first), (first, second)] if match[2] == "/" else [(second, first)]
            years = [(_year(None, month, day, expected.today), month, day) for month, day in pairs]
            yield from _day(match[0], years)
    pattern, months = _named_months(expected.language)
    for match in pattern.finditer(text):
        month = months[(match["month"] or match["first"]).lower()]
        day = int(match["day"] or match["late"])
        year = _year(match["year"], month, day, expected.today)
        yield from _day(
            match[0], [(year, month, day)], weekday_before(text, match.start(), expected.language)
        )


def _day(
    words: str, orders: list[tuple[int, int, int]], weekday: tuple[str, int] | None = None
) -> Iterator[DaySaid]:
    """Yield a day as it is written, in each order that is one. A weekday before it has to be its own."""
    meant = []
    for year, month, day in orders:
        try:
            meant.append(date(year, month, day))
        except ValueError:
            continue
    if meant and weekday is not None and all(day.weekday() != weekday[1] for day in meant):
        yield DaySaid(words=f"{weekday[0]}, {words.strip()}", meant=tuple(meant), is_other_weekday=True)
    elif meant:
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
def _named_months(language: str) -> tuple[re.Pattern[str], dict[str, int]]:
    """Return a pattern of days with the name of a month, and the months by name."""
    months = month_names(language)
    names = "|".join(sorted(map(re.escape, months), key=len, reverse=True))
    pattern = re.compile(
        rf"(?<!\w)(?:(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?\s(?:de\s|of\s)?(?P<month>{names})\.?"
        rf"|(?P<first>{names})\.?\s(?P<late>\d{{1,2}})(?:st|nd|rd|th)?(?!\d))"
        r"(?:,?\s(?:de\s)?(?P<year>\d{4}))?(?!\w)",
        re.IGNORECASE,
    )
    return pattern, months
