"""The percentages and amounts in a text, in digits or in words: `20 %`, `twenty percent`, `EUR 5.-`, `5 Euro`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tillroll.campaign.reading.said.numbers import BLANK, NUMBER, number_words_before, readings
from tillroll.campaign.text.written.holding import may_hold

_PERCENT_WORDS = (
    r"per\s?cent|pct|prozent(?:ig\w*)?|pour\s?cent|per\s?cento|por\s?ciento|odstot\w*|procent\w*|"
    r"postot\w*|százalék\w*"
)
_PERCENT_ROOTS = ("cent", "cient", "pct", "prozent", "odstot", "postot", "százalék")  # one is in each word
_PERCENT = re.compile(rf"[%％٪]|(?<![^\W\d_])(?:{_PERCENT_WORDS})(?!\w)", re.IGNORECASE)
_LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""A letter or digit, but none of a script that puts no blanks between words: `最大600円OFF`."""
_GOES_ON = re.compile(rf"(?!off(?!\w)){_LETTER}", re.IGNORECASE)
"""What makes a sign a part of a longer word: but `20%OFF` is 20 % off."""
_PERCENT_FIRST = re.compile(rf"\s?(\d+(?:[.,]\d+)?)(?!{_LETTER}|%)")
_ROUND = r"(?:[.,](?:-{1,2}|[–—]))?"  # `5.-`, `5,--`
_BEFORE = re.compile(rf"(?<!{_LETTER})(?<![.,٬،٫#/=&])(?<!{_LETTER}-)({NUMBER}){_ROUND}(?:{BLANK}|-)?$")
_AFTER = re.compile(rf"{BLANK}?({NUMBER}){_ROUND}(?!{_LETTER}|%)")
_NEAR = 40  # characters before a sign that may be its number

SIGNS: dict[str, tuple[str, ...]] = {
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
    "US$": ("USD",),
    "$US": ("USD",),
    "£GB": ("GBP",),
    "UK£": ("GBP",),
    "$CA": ("CAD",),
    "$AU": ("AUD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "NZ$": ("NZD",),
    "HK$": ("HKD",),
    "MX$": ("MXN",),
    "JP¥": ("JPY",),
    "CN¥": ("CNY",),
    "￥": ("JPY", "CNY"),
    "元": ("CNY",),
    "円": ("JPY",),
    "원": ("KRW",),
    "TL": ("TRY",),
    "kr.": ("DKK",),
    "грн": ("UAH",),
    "руб.": ("RUB",),
}
_CODES = (
    "EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON",
    "CAD", "AUD", "NZD", "JPY", "CNY", "INR", "BRL", "TRY", "UAH", "ZAR", "ILS", "MXN", "SGD",
    "HKD",
)  # fmt: skip
_NAMES = {
    r"euros?|evr(?:o|a|e|i|ov|om)|eur": ("EUR",),
    r"us-?dollars?|dollars?|dollar[io]|dólar(?:es)?|dolar\w{0,4}|usd": SIGNS["$"],
    r"pounds?|livres|sterline|libras|funtov|pfund|gbp": SIGNS["£"],
    r"francs?|franken|franchi|francos|frank(?:ov|e)|chf": ("CHF", "XAF", "XOF", "XPF"),
    r"kron(?:or|er|en|e|ur)|kr": SIGNS["kr"],
    r"korun\w?": ("CZK",),
    r"złot\w{1,3}|zloty": ("PLN",),
    r"forint\w{0,2}": ("HUF",),
}
"""Currencies as words; some are the currency of several countries."""
_MONTHS = "jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez"
_LOCAL_SIGNS = {
    "CHF": rf"(?<![^\W\d_])[Ss]?Fr\.(?!\s?\d{{1,2}}\.(?:\s?\d{{1,2}}\.|\s(?i:{_MONTHS})))"  # not of Friday, 18 December
    r"|[.][–—-](?!\w)",
}
"""Signs that mean a currency only in the stores that sell in it: `Fr. 12.50`, `12.–`."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number with the sign of a percentage or of a currency behind or before it."""

    numbers: frozenset[Decimal]  # that it may mean
    start: int
    end: int
    currencies: frozenset[str] = frozenset()  # that its sign may stand for; none: a percentage
    is_word: bool = False  # its sign is a word, which may mean something else: pounds of tea


def may_have_percents(text: str) -> bool:
    """Whether a text has a percent sign or the word for it."""
    return any(sign in text for sign in "%％٪") or (
        may_hold(text, _PERCENT_ROOTS) and _PERCENT.search(text) is not None
    )


def percents_in(text: str) -> Iterator[Quantity]:
    """Yield the percentages of a text."""
    end = 0
    for sign in _PERCENT.finditer(text):
        if text[sign.end() : sign.end() + 1].isalnum() and sign[0] not in "%％٪":
            continue
        is_last = text[sign.end() : sign.end() + 1] != "%" and not _GOES_ON.match(text, sign.end())
        number = _number_before(text, sign.start(), end) if is_last else None
        first = _PERCENT_FIRST.match(text, sign.end()) if number is None and sign[0] in "%％٪" else None
        if first is not None and not re.search(r"[\w.,#/=&]$", _right_before(text, sign.start())):
            end = first.end()
            yield Quantity(numbers=readings(first[1]), start=sign.start(), end=end)
        elif number is not None:
            end = sign.end()
            yield Quantity(numbers=number[0], start=number[1], end=end)


def amounts_in(text: str, currency: str) -> Iterator[Quantity]:
    """Yield the amounts of a text, in any currency that is written with a sign, a code or a word."""
    end = 0
    for sign in _sign_pattern(currency).finditer(text):
        word = sign["word"]
        currencies = _named(word) if word else _meant(sign[0], currency)
        before = _number_before(text, sign.start(), end) if not _GOES_ON.match(text, sign.end()) else None
        if before is not None:
            end = sign.end()
            numbers, start = before
        else:
            after = (
                _AFTER.match(text, sign.end())
                if not re.search(r"[\w.,]$", _right_before(text, sign.start()))
                else None
            )
            if after is None or (word and word.upper() not in _CODES):
                continue
            numbers, start, end = readings(after[1]), sign.start(), after.end()
        yield Quantity(numbers=numbers, start=start, end=end, currencies=currencies, is_word=bool(word))


def _right_before(text: str, end: int) -> str:
    """Return the character before a place of a text, and one more, since it may be the end of a line."""
    return text[max(0, end - 2) : end]


def _number_before(text: str, end: int, least: int) -> tuple[frozenset[Decimal], int] | None:
    """Return the number that ends where a sign begins, and its own beginning, not before a place of the text."""
    start = max(least, end - _NEAR)
    if match := _BEFORE.search(text[start:end]):
        return readings(match[1]), start + match.start()
    gap = re.search(rf"(?:{BLANK}|-)$", text[start:end])
    if gap is None:
        return None
    words = number_words_before(text, start + gap.start())
    if words is None or words[1] < least:
        return None
    return frozenset({Decimal(words[0])}), words[1]


@lru_cache(maxsize=64)
def _sign_pattern(currency: str) -> re.Pattern[str]:
    signs = {*SIGNS, *_CODES, currency, _local_sign(currency)} - {""}
    own = "|".join(sorted(map(re.escape, signs), key=len, reverse=True))
    local = f"|{pattern}" if (pattern := _LOCAL_SIGNS.get(currency)) else ""
    return re.compile(rf"(?<![^\W\d_])(?P<word>(?i:{'|'.join(_NAMES)}))(?![^\W_]){local}|{own}")


@lru_cache(maxsize=256)
def _named(word: str) -> frozenset[str]:
    """Return the currencies that a word means."""
    found = (codes for pattern, codes in _NAMES.items() if re.fullmatch(pattern, word, re.IGNORECASE))
    return frozenset(next(found, ()))


@lru_cache(maxsize=256)
def _meant(sign: str, currency: str) -> frozenset[str]:
    """Return the currencies that a sign or a code stands for in a store of one currency."""
    local = _LOCAL_SIGNS.get(currency, "")
    is_own = sign in {currency, _local_sign(currency)} or (local and re.match(local, sign))
    own = {currency} if is_own else set()
    return frozenset({*own, *SIGNS.get(sign, ()), *({sign} & set(_CODES))})


@lru_cache(maxsize=64)
def _local_sign(currency: str) -> str:
    from babel.numbers import get_currency_symbol

    return get_currency_symbol(currency, locale="en") if currency else ""
