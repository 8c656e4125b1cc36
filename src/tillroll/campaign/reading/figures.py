"""The percentages and amounts that an e-mail says, against those of its offer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from tillroll.campaign.language.models import PERCENT_KINDS
from tillroll.campaign.reading.discount_words import is_promise
from tillroll.campaign.reading.expected import Expected
from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind

_NUMBER = r"\d{1,3}(?:[   .,'’]\d{3})+(?:[.,]\d{1,3})?|\d+(?:[.,]\d{1,3})?"
_PERCENT = re.compile(
    rf"(?<![\w.,#/=&])(?<!\w-)(?:(?P<after>{_NUMBER})[   ]?[%％٪]|[%％٪](?P<before>\d+(?:[.,]\d+)?))(?![\w%])"
)
_SIGNS: dict[str, tuple[str, ...]] = {
    "$": ("USD", "CAD", "AUD", "NZD", "MXN", "SGD", "HKD", "ARS", "CLP", "COP", "BRL"),
    "€": ("EUR",),
    "£": ("GBP", "GIP", "FKP"),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₴": ("UAH",),
    "₪": ("ILS",),
    "₩": ("KRW",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "Ft": ("HUF",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "lei": ("RON",),
    "R$": ("BRL",),
}
_CODES = [
    "EUR",
    "USD",
    "GBP",
    "CHF",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CZK",
    "HUF",
    "RON",
    "CAD",
    "AUD",
    "NZD",
    "JPY",
    "CNY",
    "INR",
    "BRL",
    "TRY",
    "UAH",
    "ZAR",
    "ILS",
    "MXN",
    "SGD",
    "HKD",
]


def figures_in(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    """Yield the figures of a text that aren't the offer's; `own` are the template's own words."""
    yield from _percents(text, own, expected, part)
    yield from _amounts(text, own, expected, part)


def _percents(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    for match in _PERCENT.finditer(text):
        numbers, said = _readings(match["after"] or match["before"]), match[0]
        if numbers & expected.percents or expected.kind is None or _is_of_a_name(said, expected):
            continue
        literal = said if said in own else ""
        promised = is_promise(text, match.start(), match.end())
        if expected.kind in PERCENT_KINDS:
            problem = f"it says {said}, but the offer is {_said(expected.percents)} %"
            yield _figure(part, problem, literal, certain=promised)
        else:
            shows_value = not literal and expected.value in numbers
            problem = f"it says {said}, but the offer takes no percentage off"
            if 100 not in numbers or promised:
                yield _figure(part, problem, literal, certain=promised or shows_value)


def _amounts(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    if expected.kind is None:
        return
    for match in _amount_pattern(expected.currency).finditer(text):
        numbers, said = _readings(match["front"] or match["back"]), match[0].strip()
        if _is_of_a_name(said, expected):
            continue
        sign, literal = (match["sign"] or match["last"]).strip(), said if said in own else ""
        promised = is_promise(text, match.start(), match.end())
        true = bool(numbers & (expected.off | expected.amounts))
        if not _is_of(sign, expected.currency) and (promised or true):
            problem = f"it says {said}, but the store sells in {expected.currency}"
            yield _figure(part, problem, literal, certain=True)
        elif not true:
            shows_value = not literal and expected.value in numbers and expected.kind in PERCENT_KINDS
            gives = f"{_said(expected.off)} {expected.currency}" if expected.off else "no amount"
            least = f", and its other amounts are {_said(expected.amounts)}" if expected.amounts else ""
            problem = f"it says {said}, but the offer takes {gives} off{least}"
            yield _figure(part, problem, literal, certain=promised or shows_value)


def _figure(part: EmailPart, problem: str, literal: str, *, certain: bool) -> WordFault:
    return WordFault(kind=WordKind.FIGURES, part=part, problem=problem, literal=literal, is_certain=certain)


def _said(numbers: frozenset[Decimal]) -> str:
    ordered = sorted(numbers)
    if not ordered:
        return "0"
    return (
        f"{ordered[0].normalize():f}"
        if len(ordered) == 1
        else f"{ordered[0].normalize():f} to {ordered[-1].normalize():f}"
    )


def _is_of_a_name(said: str, expected: Expected) -> bool:
    return any(said in name for name in expected.names)


def _is_of(sign: str, currency: str) -> bool:
    """Whether a sign or a code may stand for a currency."""
    if sign == currency or sign == _local_sign(currency):
        return True
    return currency in _SIGNS.get(sign, ())


@lru_cache(maxsize=64)
def _local_sign(currency: str) -> str:
    from babel.numbers import get_currency_symbol

    return get_currency_symbol(currency, locale="en")


@lru_cache(maxsize=64)
def _amount_pattern(currency: str) -> re.Pattern[str]:
    """Return the pattern of amounts in any currency that is written with a sign or a code."""
    words = {*_SIGNS, *_CODES, currency, _local_sign(currency)}
    signs = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    gap = "[   ]?"
    return re.compile(
        rf"(?<![\w.,])(?P<sign>{signs}){gap}(?P<front>{_NUMBER})(?![\w%])"
        rf"|(?<![\w.,#/=&])(?<!\w-)(?P<back>{_NUMBER}){gap}(?P<last>{signs})(?!\w)"
    )


@lru_cache(maxsize=1_000)
def _readings(written: str) -> frozenset[Decimal]:
    """Return what a number may mean, with the signs of any language: `1.234,50`, `1 234.50`, `7,5`; `5.005` can mean two."""
    digits = re.sub(r"[   '’]", "", written)
    last = max(digits.rfind("."), digits.rfind(","))
    whole, fraction = (digits[:last], digits[last + 1 :]) if last >= 0 else (digits, "")
    whole = re.sub(r"[.,]", "", whole)
    readings = {f"{whole}.{fraction}" if fraction else whole}
    if len(fraction) == 3 and whole != "0":
        readings.add(whole + fraction)
    return frozenset(map(Decimal, readings))
