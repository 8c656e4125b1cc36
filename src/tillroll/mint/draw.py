"""Random draws: codes, deduplication keys, and the order in which recipients get codes. All from the system's generator."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from tillroll.campaign.codes.check_symbol import check_symbol
from tillroll.campaign.codes.format import RANDOM, CodeFormat
from tillroll.campaign.codes.unwanted import compile_search, fold_lookalikes, forbidden_starts, unwanted_words

_T = TypeVar("_T")

_KEY = 16  # random bytes to sort by: two equal keys are not to be expected
_BLOCK = 10_000  # codes drawn at once; larger blocks cost memory and save no time


def draw_codes(count: int, *, code_format: CodeFormat, prefix: str) -> list[str]:
    """Return so many different codes, sorted: a sorted insert into a unique index is more than twice as fast.

    Every allowed code is equally likely. A code that contains an unwanted word, is all digits, or has no check symbol is
    discarded as a whole and another one is drawn.
    """
    drawing = _drawing(code_format, prefix)
    result: set[str] = set()
    while len(result) < count:
        drawn = _some(min(_BLOCK, count - len(result)), drawing)
        if code_format.group is not None or code_format.pattern is not None:
            drawn = [code_format.format_code(prefix, symbols) for symbols in drawn]
        elif prefix:
            drawn = [prefix + symbols for symbols in drawn]
        result.update(drawn)
    return sorted(result)


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """What drawing needs of a code format, computed once."""

    length: int
    alphabet: str
    checked: bool
    symbols: bytes  # the symbol for each random byte
    unfair: bytes  # random bytes to drop, since they would favour some symbols: 256 is no multiple of most alphabets
    looks: bytes  # for each symbol, the letter that it looks like
    words: re.Pattern[bytes]
    forbidden_starts: tuple[bytes, ...]
    could_be_digits: bool
    form: str  # prefix and pattern without hyphens; empty: the format has no pattern
    whole_words: re.Pattern[str]  # finds every unwanted word from its start, for codes with a pattern


@lru_cache(maxsize=64)
def _drawing(code_format: CodeFormat, prefix: str) -> _Drawing:
    alphabet, size = code_format.alphabet, len(code_format.alphabet)
    fair = 256 - 256 % size
    looks = bytearray(range(256))
    for symbol in alphabet:
        looks[ord(symbol)] = ord(fold_lookalikes(symbol))
    words = unwanted_words(code_format.unwanted)
    form = (prefix + code_format.pattern).replace("-", "") if code_format.pattern is not None else ""
    return _Drawing(
        length=code_format.drawn,
        alphabet=alphabet,
        checked=code_format.check_symbol,
        symbols=bytes(ord(alphabet[byte % size]) if byte < fair else 0 for byte in range(256)),
        unfair=bytes(range(fair, 256)),
        looks=bytes(looks),
        words=compile_search(words),
        forbidden_starts=tuple(start.encode() for start in forbidden_starts(words, prefix)),
        could_be_digits=not any(map(str.isalpha, form or prefix)),
        form=form,
        whole_words=re.compile(f"(?=({'|'.join(words)}))") if form and words else re.compile(r"(?!)"),
    )


def _some(count: int, drawing: _Drawing) -> list[str]:
    """Draw so many texts and return those that are allowed as codes, with their check symbols."""
    length = drawing.length
    symbols = _symbols(count * length, drawing)
    drawn = [symbols[start : start + length] for start in range(0, len(symbols), length)]
    if drawing.checked:
        checked = ((text, check_symbol(text, drawing.alphabet)) for text in drawn)
        drawn = [text + symbol for text, symbol in checked if symbol]
    for place in _unwanted_in_form(drawn, drawing) if drawing.form else _unwanted(drawn, drawing):
        drawn[place] = ""
    if drawing.could_be_digits:
        return [text for text in drawn if text and not text.isdigit()]
    return [text for text in drawn if text]


def _symbols(count: int, drawing: _Drawing) -> str:
    """Return so many symbols of the alphabet, each equally likely: bytes that would favour some are dropped, not folded."""
    drawn = b""
    while len(drawn) < count:
        spare = (count - len(drawn)) // 8 + 64 if drawing.unfair else 0
        drawn += secrets.token_bytes(count - len(drawn) + spare).translate(drawing.symbols, drawing.unfair)
    return drawn[:count].decode("ascii")


def _unwanted(drawn: Sequence[str], drawing: _Drawing) -> set[int]:
    """Return the positions of texts that contain an unwanted word.

    All texts are searched as one block, which is faster. Each match is then checked again in its own text, since it may span two.
    """
    length = drawing.length + drawing.checked
    block = "".join(drawn).encode("ascii").translate(drawing.looks)
    unwanted, at = set(), 0
    while match := drawing.words.search(block, at):
        place = match.start() // length
        if drawing.words.search(block[place * length : (place + 1) * length]):
            unwanted.add(place)
        at = match.start() + 1
    if drawing.forbidden_starts:
        starts = (block[at : at + length] for at in range(0, len(block), length))
        unwanted |= {place for place, text in enumerate(starts) if text.startswith(drawing.forbidden_starts)}
    return unwanted


def _unwanted_in_form(drawn: Sequence[str], drawing: _Drawing) -> set[int]:
    """Return the positions of texts that complete an unwanted word in their pattern.

    All codes are searched as one block. Each with a match is searched again by itself: a word of the pattern's own characters
    alone was chosen by a person.
    """
    form, size = drawing.form, len(drawing.form)
    template, gaps = form.replace(RANDOM, "%s"), [place for place, char in enumerate(form) if char == RANDOM]
    whole = [fold_lookalikes(template % tuple(text)) if text else " " * size for text in drawn]
    block, unwanted, at = "".join(whole).encode("ascii"), set[int](), 0
    while match := drawing.words.search(block, at):
        place = match.start() // size
        for word in drawing.whole_words.finditer(whole[place]):
            if any(word.start(1) <= gap < word.end(1) for gap in gaps):
                unwanted.add(place)
        at = (place + 1) * size
    return unwanted


def shuffled(things: Sequence[_T]) -> list[_T]:
    """Return the things in random order, so that sorted codes do not follow the customers' numbers.

    Sorts by 16 random bytes each, which takes a third of the time of drawing every position.
    """
    keys = secrets.token_bytes(_KEY * len(things))
    places = sorted(range(len(things)), key=lambda place: keys[place * _KEY : (place + 1) * _KEY])
    return [things[place] for place in places]


def new_key() -> str:
    """Return a fresh deduplication key: a random UUID, as the batch endpoint requires."""
    return str(uuid.uuid4())
