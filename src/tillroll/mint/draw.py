"""Chance, and nothing else: codes, keys, and the order recipients get them in. All of it from the system's own generator."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from tillroll.campaign.codes.check_symbol import check_symbol
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.unwanted import openings, searching, seen, unwanted_words

_T = TypeVar("_T")

_KEY = 16  # bytes: two that are the same are not to be expected
_BLOCK = 10_000  # codes drawn at once: larger ones cost memory and save no time


def draw_codes(count: int, *, code_format: CodeFormat, prefix: str) -> list[str]:
    """So many different codes, sorted: a sorted insert into a unique index is more than twice as fast.

    Every code that may be is equally likely: one that holds an unwanted word, is all digits, or for whose check there is no
    symbol is drawn anew as a whole.
    """
    drawing = _drawing(code_format, prefix)
    found: set[str] = set()
    while len(found) < count:
        drawn = _some(min(_BLOCK, count - len(found)), drawing)
        if code_format.group is not None:
            drawn = [code_format.written(prefix, symbols) for symbols in drawn]
        elif prefix:
            drawn = [prefix + symbols for symbols in drawn]
        found.update(drawn)
    return sorted(found)


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """What drawing needs of a format, worked out once."""

    length: int
    alphabet: str
    checked: bool
    symbols: bytes  # by drawn byte
    unfair: bytes  # bytes that would favour some symbols: 256 is no multiple of most alphabets
    seen: bytes  # by symbol: what it looks like
    words: re.Pattern[bytes]
    openings: tuple[bytes, ...]
    could_be_digits: bool


@lru_cache(maxsize=64)
def _drawing(code_format: CodeFormat, prefix: str) -> _Drawing:
    alphabet, size = code_format.alphabet, len(code_format.alphabet)
    fair = 256 - 256 % size
    looks = bytearray(range(256))
    for symbol in alphabet:
        looks[ord(symbol)] = ord(seen(symbol))
    words = unwanted_words(code_format.unwanted)
    return _Drawing(
        length=code_format.length,
        alphabet=alphabet,
        checked=code_format.check_symbol,
        symbols=bytes(ord(alphabet[byte % size]) if byte < fair else 0 for byte in range(256)),
        unfair=bytes(range(fair, 256)),
        seen=bytes(looks),
        words=searching(words),
        openings=tuple(one.encode() for one in openings(words, prefix)),
        could_be_digits=prefix.isdigit() or not prefix,
    )


def _some(count: int, drawing: _Drawing) -> list[str]:
    """At most so many drawn texts, check symbol and all: those of so many that may be codes."""
    length = drawing.length
    symbols = _symbols(count * length, drawing)
    drawn = [symbols[start : start + length] for start in range(0, len(symbols), length)]
    if drawing.checked:
        ends = ((one, check_symbol(one, drawing.alphabet)) for one in drawn)
        drawn = [one + end for one, end in ends if end]
    for place in _unwanted(drawn, drawing):
        drawn[place] = ""
    if drawing.could_be_digits:
        return [one for one in drawn if one and not one.isdigit()]
    return [one for one in drawn if one]


def _symbols(count: int, drawing: _Drawing) -> str:
    """So many symbols of the alphabet, each equally likely: bytes that would favour some are dropped, not folded."""
    drawn = b""
    while len(drawn) < count:
        spare = (count - len(drawn)) // 8 + 64 if drawing.unfair else 0
        drawn += secrets.token_bytes(count - len(drawn) + spare).translate(drawing.symbols, drawing.unfair)
    return drawn[:count].decode("ascii")


def _unwanted(drawn: Sequence[str], drawing: _Drawing) -> set[int]:
    """The places of texts that hold an unwanted word. All are searched in one go, and what is found looked at by itself:
    it may lie across two of them."""
    length = drawing.length + drawing.checked
    block = "".join(drawn).encode("ascii").translate(drawing.seen)
    found, at = set(), 0
    while match := drawing.words.search(block, at):
        place = match.start() // length
        if drawing.words.search(block[place * length : (place + 1) * length]):
            found.add(place)
        at = match.start() + 1
    if drawing.openings:
        starts = (block[at : at + length] for at in range(0, len(block), length))
        found |= {place for place, text in enumerate(starts) if text.startswith(drawing.openings)}
    return found


def shuffled(things: Sequence[_T]) -> list[_T]:
    """The things in an order that tells nothing: sorted codes must not follow the customers' numbers.

    Sorted by 16 random bytes each, which takes a third of the time of drawing every place by itself.
    """
    keys = secrets.token_bytes(_KEY * len(things))
    places = sorted(range(len(things)), key=lambda place: keys[place * _KEY : (place + 1) * _KEY])
    return [things[place] for place in places]


def new_key() -> str:
    """A fresh deduplication key: a random UUID, as the batch endpoint wants it."""
    return str(uuid.uuid4())
