"""The names of months in the languages of e-mails. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

_Widths = tuple[Literal["wide", "abbreviated"], ...]
STARTER_LANGUAGES = ("en", "de", "fr", "it", "es", "sl")

_OF_SLOVENIAN = (
    "januarja", "februarja", "marca", "aprila", "maja", "junija", "julija", "avgusta", "septembra", "oktobra", "novembra",
    "decembra",
)  # fmt: skip
"""Months as they stand behind a day, which Babel doesn't have."""


@lru_cache(maxsize=64)
def month_names(language: str) -> dict[str, int]:
    """Return the months by their names, in lower case: in a language also short, and in the starter e-mails' languages."""
    found = _names(language, ("wide", "abbreviated")) | _names("en", ("wide", "abbreviated"))
    for tag in STARTER_LANGUAGES:
        found = _names(tag, ("wide",)) | found
    return found | {name: number for number, name in enumerate(_OF_SLOVENIAN, start=1)}


def _names(tag: str, widths: _Widths) -> dict[str, int]:
    """Return the names of the months in a language; none in a language that Babel doesn't know."""
    from babel import Locale, UnknownLocaleError
    from babel.dates import get_month_names

    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return {}
    months: dict[str, int] = {}
    for width in widths:
        for context in ("format", "stand-alone"):
            for number, name in get_month_names(width, context, locale).items():
                months.setdefault(name.lower().rstrip("."), number)
    return {name: number for name, number in months.items() if not name.isdigit() and len(name) > 2}
