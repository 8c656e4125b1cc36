"""How hard the codes of a format are to guess, and how often a drawn one exists already: honest figures for a plan. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from tillroll.campaign.codes.check_symbol import modulus
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.unwanted import Reader, seen, unwanted_words

GUESSES = 1_000_000
"""So many guesses a plan is held against."""

_LONGEST = 64


@dataclass(frozen=True, kw_only=True)
class Strength:
    """What a plan says of its codes' chance."""

    bits: float  # of chance in one code, to the tenth below, less what the words and the check symbol take
    made: int  # codes of that form that the store's ledger has already, in any state
    live: int  # codes that a guess could hit once this run's are made
    collisions: float  # how many draws of this run will probably exist already; those are drawn anew
    guess_chance: float  # that a million guesses of that form hit one of the live codes

    @property
    def chance_said(self) -> str:
        """The chance of a million guesses in words."""
        return say_chance(self.guess_chance)

    @property
    def collisions_said(self) -> str:
        """How many draws will exist already, in words."""
        return say_few(self.collisions)

    def sentence(self) -> str:
        """The figures in words."""
        return (
            f"{self.bits:.1f} bits of chance each; a million guesses hit one of {self.live:,} live codes with a chance of "
            f"{self.chance_said}; draws that will exist already, and are drawn anew: {self.collisions_said}"
        )


@lru_cache(maxsize=4096)
def bits_of(code_format: CodeFormat, prefix: str = "") -> float:
    """Bits of chance in one code: of all that could be drawn, those that are (the rest is drawn anew).

    The check symbol is taken for one drawn like the others. It is as evenly spread as they are, so what that leaves out lies far
    below the tenth of a bit that anybody is shown.
    """
    alphabet, count = code_format.alphabet, code_format.symbols
    begun = _reader(code_format.unwanted).after(prefix)
    kept = _kept(code_format.unwanted, begun, alphabet, count)
    if prefix.isdigit() or not prefix:
        digits = "".join(sign for sign in alphabet if sign.isdigit())
        all_digits = (len(digits) / len(alphabet)) ** count
        kept -= _kept(code_format.unwanted, begun, digits, count) * all_digits
    fits = len(alphabet) / modulus(len(alphabet)) if code_format.check_symbol else 1.0
    whole = code_format.length * math.log2(len(alphabet))
    return whole + math.log2(kept * fits) if kept > 0 else 0.0


@lru_cache(maxsize=64)
def _reader(unwanted: tuple[str, ...]) -> Reader:
    return Reader(unwanted_words(unwanted))


@lru_cache(maxsize=1024)
def _kept(unwanted: tuple[str, ...], begun: str, signs: str, count: int) -> float:
    """The share of texts of so many signs that finish no unwanted word, if what stands before them has `begun` one."""
    reader, states = _reader(unwanted), {begun: 1.0}
    chances = {sign: number / len(signs) for sign, number in Counter(seen(signs)).items()}
    for _ in range(count):
        following: dict[str, float] = {}
        for state, share in states.items():
            for sign, chance in chances.items():
                after = reader.read(state, sign)
                if after is not None:
                    following[after] = following.get(after, 0.0) + share * chance
        states = following
    return sum(states.values())


def strength_of(code_format: CodeFormat, prefix: str, *, new: int, made: int = 0, live: int = 0) -> Strength:
    """The figures of a run that makes `new` codes where `made` of that form exist and `live` of those can be used."""
    bits = bits_of(code_format, prefix)
    space = 2.0**bits
    return Strength(
        bits=floor_bits(bits),
        made=made,
        live=live + new,
        collisions=_short((new * made + new * (new - 1) / 2) / space),
        guess_chance=_short(guess_chance(bits, live + new)),
    )


def floor_bits(bits: float) -> float:
    """Bits to the tenth below: what a plan prints is there."""
    return math.floor(bits * 10) / 10


def _short(figure: float) -> float:
    """Three digits that count: a plan's digest covers them, and no more are known."""
    return float(f"{figure:.3g}")


def say_chance(chance: float) -> str:
    """A probability in words, `1 in 280,000`; in percent from one on."""
    if chance >= 0.01:
        return f"{float(f'{chance * 100:.2g}'):g} %"
    return f"1 in {float(f'{1 / chance:.2g}'):,.0f}" if chance > 1e-12 else "next to nothing"


def say_few(count: float) -> str:
    """An expected number in words."""
    if count < 0.01:
        return "hardly any"
    return f"{count:.2g}" if count < 10 else f"{count:,.0f}"


def guess_chance(bits: float, live: int) -> float:
    """The chance that a million guesses hit one of so many live codes; who guesses knows the format."""
    taken = live / 2.0**bits
    return 1.0 if taken >= 1 else -math.expm1(GUESSES * math.log1p(-taken))


def length_that_does(
    code_format: CodeFormat, prefix: str, *, live: int, least_bits: float, most_chance: float
) -> int | None:
    """The smallest length with enough bits and little enough chance for a guess; None when no length is."""
    first = max(code_format.length, math.ceil(least_bits / math.log2(len(code_format.alphabet))))
    for length in range(first, _LONGEST + 1):
        longer = code_format.model_copy(update={"length": length})
        bits = bits_of(longer, prefix)
        if bits >= least_bits and guess_chance(bits, live) <= most_chance:
            return length
    return None
