"""What a customer reads in an e-mail: percentages, amounts, last day and time, and whether shipping is free.

Written without Tillroll and without Babel, which write the e-mails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

_SPACES = "\u00a0\u202f\u2009"
_NUMBER = r"\d[\d.,'’]*\d|\d"
_SYMBOLS = {
    "EUR": ("€", "EUR"),
    "USD": ("US$", "$US", "USD", "$"),
    "GBP": ("£GB", "£", "GBP"),
    "CHF": ("CHF",),
    "PLN": ("PLN", "zł"),
    "JPY": ("JP¥", "¥", "￥", "円", "JPY", "JPÂ¥"),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "sl": "januar februar marec april maj junij julij avgust september oktober november december",
}
"""In the forms that stand beside a day."""

_SLOVENIAN = "januarja februarja marca aprila maja junija julija avgusta septembra oktobra novembra decembra"
_FREE = {
    "en": "free shipping",
    "de": "kostenloser Versand",
    "fr": "livraison offerte",
    "it": "spedizione gratuita",
    "es": "envío gratis",
    "sl": "brezplačna dostava",
}
_FIRST = {
    "en": "first order only",
    "de": "Nur für Ihre erste Bestellung",
    "fr": "première commande uniquement",
    "it": "Solo per il tuo primo ordine",
    "es": "Solo para tu primer pedido",
    "sl": "Samo za prvo naročilo",
}
_REPEAT = {
    "en": "have ordered before",
    "de": "schon einmal bestellt haben",
    "fr": "ayant déjà commandé",
    "it": "chi ha già ordinato",
    "es": "ya han hecho un pedido",
    "sl": "so pri nas že naročili",
}
_MINIMUM = {
    "en": r"orders of (.+?) or more",
    "de": r"Bestellwert von (.+?)\.(?:\s|$)",
    "fr": r"À partir de (.+?) d’achat",
    "it": r"ordini a partire da (.+?)\.(?:\s|$)",
    "es": r"pedidos a partir de (.+?)\.(?:\s|$)",
    "sl": r"naročila od (.+?) naprej",
}
_TIME = re.compile(r",?\s(?:um\s|at\s|à\s)?(\d{1,2}):([0-5]\d)(?!\d)(?:\s?([AP])M)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What a customer takes from an e-mail."""

    percents: frozenset[Decimal]
    amounts: frozenset[Decimal]
    minimum: Decimal | None
    last_day: date | None  # the latest that it names
    last_time: time | None  # of that day, if it says one
    free_shipping: bool
    first_orders: bool
    repeat_only: bool


def understand(text: str, language: str, currency: str) -> Understood:
    """Read a text in one of the six languages."""
    words = re.sub(
        r"https?://\S+", " ", text
    )  # nobody reads the random letters of a link: JPY53 is no price in it
    plain = re.sub(f"[{_SPACES}]", " ", " ".join(words.split()))
    days = sorted(_days(plain, language))
    minimum = re.search(_MINIMUM[language], plain)
    last_day, end = days[-1] if days else (None, 0)
    said = _TIME.match(plain, end) if days else None
    return Understood(
        percents=frozenset(
            Decimal(each.replace(",", ".")) for each in re.findall(rf"({_NUMBER})\s?%", plain)
        ),
        amounts=frozenset(_amounts(plain, language, currency)),
        minimum=next(iter(_amounts(minimum[1], language, currency)), None) if minimum else None,
        last_day=last_day,
        last_time=_time(said) if said else None,
        free_shipping=_FREE[language].lower() in plain.lower(),
        first_orders=_FIRST[language] in plain,
        repeat_only=_REPEAT[language] in plain,
    )


def _amounts(text: str, language: str, currency: str) -> Iterator[Decimal]:
    signs = "|".join(re.escape(sign) for sign in _SYMBOLS[currency])
    number = r"\d[\d.,'’]*(?: \d{3})*(?:,\d+)?(?<![.,])"
    for match in re.finditer(rf"(?<!\w)(?:{signs})\s?({number})|(?<![\w.,])({number})\s?(?:{signs})", text):
        yield _read(match[1] or match[2], language)


def _read(number: str, language: str) -> Decimal:
    """Read a number as people of a language write it."""
    number = number.strip(" .,'’")
    decimal = "." if language == "en" else ","
    if re.fullmatch(r"[\d'’]+\.\d{2}", number) and decimal == ",":
        decimal = "."  # Swiss
    whole, _, part = number.rpartition(decimal) if decimal in number else (number, "", "")
    return Decimal(re.sub(r"[^\d]", "", whole) + ("." + part if part else ""))


def _days(text: str, language: str) -> Iterator[tuple[date, int]]:
    """Yield the days that a text names, each with where it ends."""
    months = {name.lower(): number for number, name in enumerate(_MONTHS[language].split(), 1)}
    if language == "sl":
        months |= {name: number for number, name in enumerate(_SLOVENIAN.split(), 1)}
    months |= {"jänner": 1} if language == "de" else {}  # in Austria
    names = "|".join(sorted(months, key=len, reverse=True))
    forms = (
        rf"(?P<day>\d{{1,2}})(?:\.|er)?\s(?:de\s)?(?P<month>{names})\s(?:de\s)?(?P<year>\d{{4}})",
        rf"(?P<month>{names})\s(?P<day>\d{{1,2}}),\s(?P<year>\d{{4}})",
    )
    for form in forms:
        for match in re.finditer(form, text, re.IGNORECASE):
            yield date(int(match["year"]), months[match["month"].lower()], int(match["day"])), match.end()


def _time(match: re.Match[str]) -> time:
    hour = int(match[1]) % 12 + (12 if match[3].upper() == "P" else 0) if match[3] else int(match[1])
    return time(hour, int(match[2]))
