"""Last days that an e-mail names without a date: `until Friday`, `today only`, `noch 24 Stunden`, `bis zum 24.`. Pure.

They count from the day on which the e-mail leaves. Only words that speak of an end are read: “see you on Friday” is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from tillroll.campaign.reading.said.months import STARTER_LANGUAGES, month_names
from tillroll.campaign.reading.said.numbers import number_of

_UNTIL = (
    r"until|till|til|(?<!stop\s)(?<!drop\s)(?<!come\s)by|through|ends?|ending|expires?|bis(?:\szum)?(?:\sam)?|endet|gilt\sbis|jusqu['’](?:à|au)?|fino\s(?:a|al|alla)|"
    r"entro|scade|hasta(?:\sel)?|termina|do(?=\s(?:danes|nocoj|jutri|vključno|ponede|tork|sred|četrt|petk|sobot|nedelj|\d))|poteče"
)
_ARTICLE = (
    r"(?:(?:the|end\sof|den|dem|zum|einschließlich|le|il|la|el|this|diesen|dieser?|ce|questo|este|ta)\s)*"
)
_THIS = r"(?:this|dieses|an\sdiesem|ce|questo|este|ta)"
_ONLY = (
    r"only|just|nur(?:\snoch)?|noch|seulement|uniquement|plus\sque|solo|sólo|solamente|soltanto|samo|le\sše"
)
_TODAY = (
    r"today|tonight|midnight\stonight|this\sevening|heute(?:\s(?:abend|nacht|um\smitternacht))?|aujourd['’]hui|ce\ssoir|minuit\sce\ssoir|"
    r"oggi|stasera|hoy|esta\snoche|danes|nocoj"
)
_AND = r"(?:and|und|et|e|y|in|&|or|oder|\+|,)"
_TOMORROW = r"tomorrow|morgen|demain|domani|mañana|jutri"
_WEEKEND = r"weekend|wochenende|week-end|fine\ssettimana|fin\sde\ssemana|vikend"
_FEASTS = {
    r"christmas\seve|heiligabend|heiliger\sabend|réveillon\sde\snoël|vigilia\sdi\snatale|nochebuena|sveti\svečer": (
        (12, 24),
    ),
    r"christmas(?:\sday)?|xmas|weihnachten|noël|natale|navidad|božiča?": ((12, 24), (12, 25), (12, 26)),
    r"new\syear['’]?s\seve|silvester|saint-sylvestre|san\ssilvestro|nochevieja|silvestr\w+": ((12, 31),),
    r"new\syear(?:['’]?s(?:\sday)?)?|neujahr|nouvel\san|capodanno|año\snuevo|nove\w*\slet\w*": (
        (12, 31),
        (1, 1),
    ),
    r"halloween": ((10, 31),),
    r"valentine['’]?s\sday|valentinstag|(?:la\s)?saint-valentin|san\svalentino|san\svalentín|valentinov\w+": (
        (2, 14),
    ),
}
"""Feasts with a date of their own, in the words of the starter e-mails' languages."""
_FEAST = "|".join(_FEASTS)
_NEXT = r"next|coming|nächste[nr]?|kommende[nr]?|prossim[oa]|próxim[oa]|naslednj\w{1,2}"
_UNITS = {
    r"hours?|stunden?|heures?|ore|ora|horas?|ur[aei]?": timedelta(hours=1),
    r"days?|tage?n?|jours?|giorn[oi]|días?|dni|dan|dneva": timedelta(days=1),
    r"weeks?|wochen?|semaines?|settiman[ae]|semanas?|tedn[ae]|teden|tednov": timedelta(days=7),
}
_LASTING = (
    r"only|left|remaining|to\s(?:go|use|order|redeem)|valid|nur|noch|gültig|lang|übrig|seulement|restants?|valable|solo|rimast[ie]|valid[oa]|"
    r"sólo|quedan?|válid[oa]|samo|velja\w?|veljaven|še"
)
_NUMBER = r"(?P<number>\d{1,3}|[^\W\d_]{2,12})"
_UNIT = "|".join(_UNITS)
_FOR = re.compile(
    rf"(?<!\w)(?:(?:{_LASTING})\s(?:\w{{1,6}}\s)?{_NUMBER}[\s-](?P<unit>{_UNIT})(?!\w)"
    rf"|{_NUMBER.replace('number', 'late')}[\s-](?P<later>{_UNIT})\s(?:\w{{1,6}}\s)?(?:{_LASTING})(?!\w))",
    re.IGNORECASE,
)
_DAY_OF_MONTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.|(?=\s*(?:$|[!,;)])))(?![\d.])"
_OF_SLOVENIAN = ("ponedeljka", "torka", "srede", "četrtka", "petka", "sobote", "nedelje")
"""Weekdays as they stand behind `do`, which Babel doesn't have."""
_NEAR_ENOUGH = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A last day, as an e-mail names it. Some ways can mean two."""

    words: str
    meant: tuple[date, ...]
    is_counted: bool = False  # it is so many days away, whatever the day: "today", "14 days"


def deadlines_in(text: str, language: str, leaves: date) -> Iterator[Deadline]:
    """Yield the last days that a text names, of an e-mail that leaves on a day."""
    pattern, weekdays = _pattern(language)
    for match in pattern.finditer(text):
        words = " ".join(match[0].split())
        if match["both"]:
            yield Deadline(words=words, meant=(leaves + timedelta(days=1),), is_counted=True)
        elif match["today"] or match["just"]:
            yield Deadline(words=words, meant=(leaves,), is_counted=True)
        elif match["tomorrow"]:
            yield Deadline(words=words, meant=(leaves + timedelta(days=1),), is_counted=True)
        elif match["weekend"] or match["days"]:
            sunday = leaves + timedelta(days=6 - leaves.weekday())
            yield Deadline(words=words, meant=(sunday,))
        elif match["feast"]:
            yield Deadline(words=words, meant=tuple(_of_feast(match["feast"], leaves)))
        elif match["weekday"]:
            yield Deadline(words=words, meant=_next(leaves, weekdays[match["weekday"].lower()]))
        else:
            yield from _of_month(words, int(match["day"]), leaves)
    for match in _FOR.finditer(text):
        number = number_of(match["number"] or match["late"])
        if number:
            yield _after(" ".join(match[0].split()), number, match["unit"] or match["later"], leaves)


_SPEAKS_OF_END = re.compile(rf"(?<!\w)(?:{_UNTIL})\s?{_ARTICLE}$", re.IGNORECASE)


def speaks_of_end(text: str, start: int) -> bool:
    """Whether the words right before a place of a text say that something ends there."""
    return _SPEAKS_OF_END.search(text[max(0, start - 30) : start]) is not None


def weekday_before(text: str, start: int, language: str) -> tuple[str, int] | None:
    """Return the weekday whose name stands right before a place of a text, as it is written and from 0 for Monday."""
    names = _weekdays(language)
    before = text[max(0, start - 30) : start]
    match = re.search(r"([^\W\d_]+)\.?,?\s(?:(?:the|den|dem|le|el|il)\s)?$", before)
    name = match[1].lower() if match else ""
    return (match[1], names[name]) if match and name in names else None


def _next(day: date, weekday: int) -> tuple[date, ...]:
    """Return the days that a weekday may mean: today or the next one, and the one a week later."""
    first = day + timedelta(days=(weekday - day.weekday()) % 7)
    return first, first + timedelta(days=7)


def _of_feast(name: str, leaves: date) -> Iterator[date]:
    """Yield the next days that a feast may mean."""
    days = next(days for names, days in _FEASTS.items() if re.fullmatch(names, name, re.IGNORECASE))
    for month, day in days:
        this_year = date(leaves.year, month, day)
        yield this_year if this_year >= leaves else date(leaves.year + 1, month, day)


def _of_month(words: str, number: int, leaves: date) -> Iterator[Deadline]:
    """Yield the next day of a month with a number."""
    for ahead in range(62):
        day = leaves + timedelta(days=ahead)
        if day.day == number:
            yield Deadline(words=words, meant=(day,))
            return


def _after(words: str, number: int, unit: str, leaves: date) -> Deadline:
    """Return the last day of a length of time; a day more or less is the same to its reader."""
    length = next(size for names, size in _UNITS.items() if re.fullmatch(names, unit, re.IGNORECASE)) * number
    last = leaves + timedelta(days=-(-length // timedelta(days=1)))
    return Deadline(words=words, meant=(last - _NEAR_ENOUGH, last, last + _NEAR_ENOUGH), is_counted=True)


@lru_cache(maxsize=64)
def _pattern(language: str) -> tuple[re.Pattern[str], dict[str, int]]:
    weekdays = _weekdays(language)
    names = "|".join(sorted(map(re.escape, weekdays), key=len, reverse=True))
    words = (
        rf"(?P<today>{_TODAY})|(?P<tomorrow>{_TOMORROW})|(?:{_NEXT})?\s?(?P<weekday>{names})(?:\s(?:prochain|abend|evening|night))?"
        rf"|(?P<weekend>{_WEEKEND})|(?P<feast>{_FEAST})"
    )
    pattern = re.compile(
        rf"(?<!\w)(?:(?:{_UNTIL})\s{_ARTICLE}(?:(?:{words})(?!\w)(?!,?\s(?:the\s|den\s|dem\s|le\s|el\s)?\d)|{_DAY_OF_MONTH}(?!{_before_month(language)}))"
        rf"|(?P<both>(?:{_ONLY})\s(?:{_TODAY})\s?{_AND}\s?(?:{_TOMORROW})|(?:{_TODAY})\s?{_AND}\s?(?:{_TOMORROW})[\s,]+(?:{_ONLY}))(?!\w)"
        rf"|(?P<just>(?:{_ONLY})\s(?:{_TODAY})|(?:{_TODAY})[\s,]+(?:{_ONLY}))(?!\w)"
        rf"|(?P<days>(?:{_ONLY})\s{_THIS}\s(?:{_WEEKEND})|{_THIS}\s(?:{_WEEKEND})\s(?:{_ONLY}))(?!\w))",
        re.IGNORECASE,
    )
    return pattern, weekdays


@lru_cache(maxsize=64)
def _weekdays(language: str) -> dict[str, int]:
    """Return the weekdays by name in a language, in English, and in the other languages of the starter e-mails."""
    from babel import Locale, UnknownLocaleError
    from babel.dates import get_day_names

    found: dict[str, int] = {}
    for tag in dict.fromkeys((language, *STARTER_LANGUAGES)):
        try:
            locale = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        for context in ("format", "stand-alone"):
            for number, name in get_day_names("wide", context, locale).items():
                found.setdefault(name.lower(), number)
    return found | {name: number for number, name in enumerate(_OF_SLOVENIAN)}


def _before_month(language: str) -> str:
    """Return the pattern of a month or a number behind a day, which make it a whole date."""
    names = "|".join(sorted(map(re.escape, month_names(language)), key=len, reverse=True))
    return rf"\s?\d|\s(?:de\s|of\s|di\s)?(?:{names})"
