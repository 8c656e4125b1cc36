"""Words of an e-mail that are only true at a certain time: midnight, today, now. Pure.

An e-mail may say midnight, and its codes end at noon. With `announce: true` it may say "today", and arrive days before its code
works. The words are those of the starter e-mails' six languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from tillroll.campaign.language.models import Campaign, Offer, Valid
from tillroll.campaign.reading.visible import line_with, own_words
from tillroll.campaign.text.written.holding import may_hold

_DAY = timedelta(days=1)
_MIDNIGHTS = ("midnight", "mitternacht", "minuit", "mezzanotte", "medianoche", "polnoč")
_MIDNIGHT = re.compile(rf"\b(?:{'|'.join(_MIDNIGHTS)}\w?)\b", re.IGNORECASE)


class TimeWord(StrEnum):
    """What a word of time points at, seen from the moment when an e-mail is read."""

    NOW = "now"
    TODAY = "today"
    TOMORROW = "tomorrow"


_PHRASES = {
    "en": {
        TimeWord.NOW: "now|immediately|right away",
        TimeWord.TODAY: "today|tonight|this (?:morning|afternoon|evening)",
        TimeWord.TOMORROW: "tomorrow",
    },
    "de": {
        TimeWord.NOW: "jetzt|ab sofort|sofort",
        TimeWord.TODAY: "heute",
        TimeWord.TOMORROW: "ab morgen|bis morgen|morgen früh",
    },
    "fr": {
        TimeWord.NOW: "maintenant|dès à présent|tout de suite",
        TimeWord.TODAY: "aujourd['’]hui|ce (?:matin|soir)|cet après-midi",
        TimeWord.TOMORROW: "demain",
    },
    "it": {
        TimeWord.NOW: "adesso|ora|subito",
        TimeWord.TODAY: "oggi|stasera|stamattina|questa sera",
        TimeWord.TOMORROW: "domani",
    },
    "es": {
        TimeWord.NOW: "ahora|ahora mismo|ya mismo",
        TimeWord.TODAY: "hoy|esta (?:mañana|tarde|noche)",
        TimeWord.TOMORROW: "hasta mañana|a partir de mañana|desde mañana",
    },
    "sl": {
        TimeWord.NOW: "zdaj|sedaj|takoj",
        TimeWord.TODAY: "danes|nocoj|drevi|davi",
        TimeWord.TOMORROW: "jutri",
    },
}  # "morgen" and "mañana" alone are also a morning
_PATTERNS = {
    language: {word: re.compile(rf"\b(?:{phrases})\b", re.IGNORECASE) for word, phrases in words.items()}
    for language, words in _PHRASES.items()
}


@dataclass(frozen=True, kw_only=True)
class TimeWordFault:
    """A word of time that isn't true for the e-mail's codes."""

    line: int  # of the template
    problem: str


def midnight_faults(text: str, valid: Valid) -> Iterator[TimeWordFault]:
    """Yield where an e-mail names midnight, in any language of the starter e-mails, and the codes end at another time."""
    until, length = valid.until, valid.for_
    if until is not None and until.time() != time.min and (until.hour, until.minute) != (23, 59):
        ends = f"end at {until:%H:%M}"
    elif length is not None and not length.ends_with_day:
        ends = f"end {length} after they are made"
    else:
        return
    for word in _midnights(text):
        yield TimeWordFault(
            line=line_with(text, word) or 1,
            problem=f"says {word}, but the codes {ends}; {{{{ offer.conditions }}}} says until when they work",
        )


def _midnights(text: str) -> list[str]:
    """Return the words for midnight that a template has by itself."""
    return _MIDNIGHT.findall(own_words(text)) if may_hold(text, _MIDNIGHTS) else []


def early_faults(text: str, language: str, campaign: Campaign, offer: Offer) -> Iterator[TimeWordFault]:
    """Yield the words that mislead in an e-mail which announces its code: it says "now", and the code works days later.

    `language` is that of the text; empty: unknown, and the words of all languages count.
    """
    start = offer.valid.from_
    if not campaign.announce or start is None:
        return
    leaves = campaign.when.at
    if leaves is not None and leaves >= start:
        return
    words, short = own_words(text), language.partition("-")[0].lower()
    seen: set[str] = set()
    for patterns in [_PATTERNS[short]] if short in _PATTERNS else _PATTERNS.values():
        for word, pattern in patterns.items():
            if _is_true(word, offer, start.date(), leaves.date() if leaves is not None else None):
                continue
            for match in pattern.finditer(words):
                if match[0].lower() not in seen:
                    seen.add(match[0].lower())
                    yield TimeWordFault(
                        line=line_with(text, match[0]) or 1, problem=_early_problem(match[0], start)
                    )


def _is_true(word: TimeWord, offer: Offer, starts: date, leaves: date | None) -> bool:
    """Whether a word names a day on which the code begins or ends, counted from the day on which the e-mail leaves."""
    if word is TimeWord.NOW or leaves is None:
        return False
    day = leaves if word is TimeWord.TODAY else leaves + _DAY
    return day == starts or (offer.valid.until is not None and day == offer.valid.until.date())


def _early_problem(word: str, start: datetime) -> str:
    return (
        f"says {word}, but announce: true sends the e-mail before its code works, from {start:%Y-%m-%d %H:%M} on; name that day, "
        "or leave announce: out, so that the e-mail waits for it"
    )
