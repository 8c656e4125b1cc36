"""Numbers as people write them: `1.234,50`, `7,5`, `twenty-five`, `fünfzehn`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

BLANK = r"[ \u00a0\u2009\u202f]"
"""A blank as languages put it into numbers and before signs: also one that keeps a line together."""

_THOUSANDS = rf"(?:{BLANK}|[.,'’٬،])"
NUMBER = (
    rf"\d{{1,3}}(?:{_THOUSANDS}\d{{3}})+(?:[.,٫]\d{{1,3}})?"
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,3})?"  # 1,23,456.00 in India
    r"|\d+(?:[.,٫]\d{1,3})?"
)
"""A number in digits, with the signs of any language."""

_TO_NINETEEN = {
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen",
    "de": "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn "
    "neunzehn",
    "fr": "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf",
    "it": "uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette "
    "diciotto diciannove",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho "
    "diecinueve",
    "sl": "en dva tri štiri pet šest sedem osem devet deset enajst dvanajst trinajst štirinajst petnajst šestnajst sedemnajst "
    "osemnajst devetnajst",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt trente quarante cinquante soixante soixante-dix quatre-vingts quatre-vingt-dix",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "sl": "dvajset trideset štirideset petdeset šestdeset sedemdeset osemdeset devetdeset",
}
_OTHER_FORMS = {
    "a hundred": 100, "one hundred": 100, "hundert": 100, "cent": 100, "cento": 100, "cien": 100, "sto": 100,
    "einen": 1, "einem": 1, "eins": 1, "eine": 1, "une": 1, "una": 1, "eno": 1, "ena": 1, "dve": 2, "dreissig": 30,
    "soixante quinze": 75, "quatre vingt": 80, "quatre vingt quinze": 95, "soixante cinq": 65,
}  # fmt: skip
_LONGEST = 3  # words of a number, like `treinta y cinco`
_LAST_WORDS = re.compile(r"(?:[^\W\d_]+[-\s]){0,2}[^\W\d_]+$")


def _both(language: str, ten: str, one: str) -> str:
    """Return a ten and a one as one number."""
    if language == "de":
        return f"{one}und{ten}"
    if language == "sl":
        return f"{one}in{ten}"
    if language == "it":
        return f"{ten[:-1] if one in {'uno', 'otto'} else ten}{one}"
    if language == "es":
        return f"veinti{one}" if ten == "veinte" else f"{ten} y {one}"
    return f"{ten} {one}"


def _all_words() -> Iterator[tuple[str, int]]:
    for language, words in _TO_NINETEEN.items():
        units = words.split()
        yield from ((word, number) for number, word in enumerate(units, start=1))
        for ten, word in enumerate(_TENS[language].split(), start=2):
            yield word, ten * 10
            yield from (
                (_both(language, word, one), ten * 10 + unit) for unit, one in enumerate(units[:9], start=1)
            )


WORDS = {
    **{word.replace("-", " "): number for word, number in _all_words()},
    **_OTHER_FORMS,
}
"""Numbers up to 100 by their words in six languages; a hyphen is a blank."""


def number_of(word: str) -> int | None:
    """Return the whole number that a word or a few digits mean; None if they mean none."""
    text = " ".join(word.lower().replace("-", " ").split())
    return int(text) if text.isdigit() else WORDS.get(text)


def number_words_before(text: str, end: int) -> tuple[int, int] | None:
    """Return the number whose words end at a place of a text, and where they begin; None if no number does."""
    match = _LAST_WORDS.search(text, max(0, end - 60), end)
    if match is None:
        return None
    words = list(re.finditer(r"[^\W\d_]+", match[0]))
    for first in words[-_LONGEST:]:
        number = number_of(match[0][first.start() :])
        if number is not None:
            return number, match.start() + first.start()
    return None


@lru_cache(maxsize=1_000)
def readings(written: str) -> frozenset[Decimal]:
    """Return what a number may mean, with the signs of any language: `1.234,50`, `1 234.50`, `7,5`; `5.005` can mean two."""
    digits = re.sub(rf"{BLANK}|['’٬،]", "", written).replace("٫", ".")
    last = max(digits.rfind("."), digits.rfind(","))
    whole, fraction = (digits[:last], digits[last + 1 :]) if last >= 0 else (digits, "")
    whole = re.sub(r"[.,]", "", whole)
    found = {f"{whole}.{fraction}" if fraction else whole}
    if len(fraction) == 3 and whole != "0":
        found.add(whole + fraction)
    return frozenset(map(Decimal, found))
