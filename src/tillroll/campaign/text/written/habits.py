"""What people write in a hurry, and the form that the files take: `14 days` is `14d`, `1.000,50` is `1000.50`. Pure.

Nothing here is accepted silently: each hint is part of the sentence that refuses the value.
"""

from __future__ import annotations

import re

from tillroll.campaign.text.written.days import read_day

_LONGEST = 60  # characters; longer text is no such habit
_LENGTH = re.compile(
    r"(?:(\d{1,5})|an?|one)?\s*(minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|"
    r"tage?n?|stunden?|wochen?|monate?n?|jours?|semaines?|mois|giorn[oi]|settiman[ae]|mo|yr?s?|wks?|jahre?n?|ans?|années?)",
    re.IGNORECASE,
)
_UNITS = {
    "mi": (1, "m"), "ho": (1, "h"), "hr": (1, "h"), "st": (1, "h"), "da": (1, "d"), "ta": (1, "d"), "jo": (1, "d"),
    "gi": (1, "d"),
    "we": (1, "w"), "wo": (1, "w"), "wk": (1, "w"), "se": (1, "w"), "ye": (365, "d"), "yr": (365, "d"), "y": (365, "d"),
    "ys": (365, "d"), "ja": (365, "d"), "an": (365, "d"),
}  # fmt: skip
_EUROPEAN = re.compile(r"([+-]?)(\d{1,3}(?:[. '\u00a0]\d{3})+|\d+),(\d{1,6})")
_TWO_NUMBERS = re.compile(r"[+-]?\d{1,3},\d{3}")
_ENGLISH = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+)(\.\d{1,6})?")
_SYMBOLS = {
    "€": "EUR",
    "£": "GBP",
    "$": "USD",
    "¥": "JPY",
    "₤": "GBP",
    "zł": "PLN",
    "kč": "CZK",
    "chf": "CHF",
}
_SYMBOL = re.compile(r"([€£$¥₤]|zł|kč)?\s*([0-9][0-9.,' ]*)\s*([€£$¥₤]|zł|kč)?", re.IGNORECASE)
_PERCENT = re.compile(r"([0-9][0-9.,]*)\s*(?:%|percent|prozent)(?:\s+off)?", re.IGNORECASE)
_CAP_WORD = r"(?:max(?:imum|imal|\.)?|up\s*to|at\s*most|capped(?:\s*at)?|cap|limit(?:ed\s*to)?|bis(?:\s*zu)?|höchstens)"
_SHARE = r"(?P<share>[0-9][0-9.,]*)\s*(?:%|percent|prozent)(?:\s*off)?"
_MOST = rf"{_CAP_WORD}\s*:?\s*(?P<most>[^%]{{1,30}}?)(?:\s*off)?"
_CAPPED = (
    re.compile(rf"{_SHARE}\s*[,;(]?\s*(?:but\s+)?{_MOST}\s*\)?", re.IGNORECASE),
    re.compile(rf"{_MOST}\s*[,;]?\s*{_SHARE}", re.IGNORECASE),
)


def cap_meant(text: str) -> str:
    """Return the keys of a percentage with a cap that a text names: `value: 15 and at_most: EUR 30`; empty if it names none."""
    for pattern in _CAPPED if len(text) <= _LONGEST else ():
        if match := pattern.fullmatch(text.strip()):
            share = number_meant(f"{match['share']}%")
            most = match["most"].strip()
            written = re.fullmatch(r"(?:([A-Z]{3})\s*)?([0-9.]+)(?:\s*([A-Z]{3}))?", most)
            amount = amount_meant(most) or (most if written else "")
            amount = amount or _with_word(most)
            return f"value: {share} and at_most: {amount}" if share and amount else ""
    return ""


def _with_word(text: str) -> str:
    """Return an amount whose currency is a word: `EUR 30` for `30 euros`; empty if it has none."""
    match = re.fullmatch(r"([0-9][0-9.,' ]*)\s*(euros?|dollars?|pounds?|yen|francs?)", text, re.IGNORECASE)
    if match is None:
        return ""
    code = {"eur": "EUR", "dol": "USD", "pou": "GBP", "yen": "JPY", "fra": "CHF"}[match[2][:3].lower()]
    return f"{code} {number_meant(match[1]) or match[1].strip()}"


def length_meant(text: str) -> str:
    """Return the length of time that a text names, as the files take it: `14d` for `14 days`; empty if it names none."""
    match = _LENGTH.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        return ""
    word, number = match[2].lower(), int(match[1] or 1)
    if word.startswith("mo"):  # a month: month, Monat, mois
        return f"{number * 30}d"
    size, unit = _UNITS[word[:2]]
    return f"{number * size}{unit}"


def number_meant(text: str) -> str:
    """Return the number that a text names, as the files take it: `1000.50` for `1.000,50`.

    Empty if it names none, or if it may be two: `12,000`.
    """
    text = text.strip()
    if len(text) > _LONGEST or _TWO_NUMBERS.fullmatch(text):
        return ""
    if match := _EUROPEAN.fullmatch(text):
        return f"{match[1]}{re.sub(r'[^0-9]', '', match[2])}.{match[3]}"
    if match := _ENGLISH.fullmatch(text):
        return f"{match[1]}{match[2].replace(',', '')}{match[3] or ''}"
    if match := _PERCENT.fullmatch(text):
        return number_meant(match[1]) or match[1]
    return ""


def amount_meant(text: str) -> str:
    """Return the amount that a text names, as the files take it: `EUR 10` for `€10`; empty if it names none."""
    match = _SYMBOL.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None or not (match[1] or match[3]):
        return number_meant(text)
    number = number_meant(match[2]) or match[2].strip()
    return f"{_SYMBOLS[(match[1] or match[3]).lower()]} {number}"


def day_meant(text: str) -> str:
    """Return the day that a text names, as the files take it: `2026-12-31` for `31. Dezember 2026`; empty if it names none."""
    day = read_day(text, None) if len(text) <= _LONGEST else None
    return f"{day.year:04d}-{day.month_day}" if day is not None and day.year is not None else ""
