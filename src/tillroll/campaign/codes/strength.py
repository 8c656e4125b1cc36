"""How hard the codes of a format are to guess, and how often a drawn code exists already. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from tillroll.campaign.codes.check_symbol import modulus
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.unwanted import WordMatcher, fold_lookalikes, unwanted_words
from tillroll.campaign.text.percent import say_percent

GUESSES = 1_000_000
"""The number of guesses that a plan assumes."""

_LONGEST = 64


@dataclass(frozen=True, kw_only=True)
class Strength:
    """The strength of a run's codes, as its plan shows it."""

    bits: float  # of entropy in one code, rounded down to a tenth, without what unwanted words and the check symbol cost
    made: int  # codes of this format in the ledger already, in any state
    live: int  # codes that a guess could hit once this run's codes are made
    collisions: float  # expected draws of this run that exist already and are drawn again
    guess_chance: float  # chance that a million guesses hit a live code

    @property
    def chance_said(self) -> str:
        """The chance that a million guesses hit a live code, in words."""
        return say_chance(self.guess_chance)

    @property
    def collisions_said(self) -> str:
        """The expected number of duplicate draws, in words."""
        return say_few(self.collisions)

    def sentence(self) -> str:
        """Return the figures in words."""
        return (
            f"{self.bits:.1f} bits of entropy each; a million guesses hit one of {self.live:,} live codes with a chance of "
            f"{self.chance_said}; expected duplicate draws: {self.collisions_said}"
        )


@lru_cache(maxsize=4096)
def bits_of(code_format: CodeFormat, prefix: str = "") -> float:
    """Return the bits of entropy in one code, counting only the codes that are kept (others are drawn again).

    The check symbol is treated as a random one. It is as evenly distributed, so the error is far below the tenth of a bit
    that is shown.
    """
    alphabet, count = code_format.alphabet, code_format.symbols
    start = _matcher(code_format.unwanted).after(prefix)
    kept = _share_kept(code_format.unwanted, start, alphabet, count)
    if prefix.isdigit() or not prefix:
        digits = "".join(char for char in alphabet if char.isdigit())
        all_digits = (len(digits) / len(alphabet)) ** count
        kept -= _share_kept(code_format.unwanted, start, digits, count) * all_digits
    fits = len(alphabet) / modulus(len(alphabet)) if code_format.check_symbol else 1.0
    whole = code_format.length * math.log2(len(alphabet))
    return whole + math.log2(kept * fits) if kept > 0 else 0.0


@lru_cache(maxsize=64)
def _matcher(unwanted: tuple[str, ...]) -> WordMatcher:
    return WordMatcher(unwanted_words(unwanted))


@lru_cache(maxsize=1024)
def _share_kept(unwanted: tuple[str, ...], start: str, symbols: str, count: int) -> float:
    """Return the share of all texts of `count` symbols that complete no unwanted word after the matcher state `start`."""
    matcher, states = _matcher(unwanted), {start: 1.0}
    chances = {char: number / len(symbols) for char, number in Counter(fold_lookalikes(symbols)).items()}
    for _ in range(count):
        following: dict[str, float] = {}
        for state, share in states.items():
            for char, chance in chances.items():
                after = matcher.read(state, char)
                if after is not None:
                    following[after] = following.get(after, 0.0) + share * chance
        states = following
    return sum(states.values())


def strength_of(code_format: CodeFormat, prefix: str, *, new: int, made: int = 0, live: int = 0) -> Strength:
    """Return the strength of a run that makes `new` codes if `made` of this format exist and `live` of them are usable."""
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
    """Round bits down to a tenth, so that a plan never shows more than there are."""
    return math.floor(bits * 10) / 10


def _short(figure: float) -> float:
    """Round to three significant digits: the plan's digest covers the figure, which isn't known more exactly."""
    return float(f"{figure:.3g}")


def say_chance(chance: float) -> str:
    """Return a probability in words: `1 in 280,000`; from 1% on as a percentage."""
    if chance >= 0.01:
        return say_percent(float(f"{chance * 100:.2g}"))
    return f"1 in {float(f'{1 / chance:.2g}'):,.0f}" if chance > 1e-12 else "practically zero"


def say_few(count: float) -> str:
    """Return an expected number in words."""
    if count < 0.01:
        return "practically none"
    return f"{count:.2g}" if count < 10 else f"{count:,.0f}"


def guess_chance(bits: float, live: int) -> float:
    """Return the chance that a million guesses hit one of `live` codes, if the format is known."""
    taken = live / 2.0**bits
    return 1.0 if taken >= 1 else -math.expm1(GUESSES * math.log1p(-taken))


def sufficient_length(
    code_format: CodeFormat, prefix: str, *, live: int, least_bits: float, most_chance: float
) -> int | None:
    """Return the smallest length with enough bits and a small enough chance for guesses; None if there is none."""
    first = max(code_format.length, math.ceil(least_bits / math.log2(len(code_format.alphabet))))
    for length in range(first, _LONGEST + 1):
        longer = code_format.model_copy(update={"length": length})
        bits = bits_of(longer, prefix)
        if bits >= least_bits and guess_chance(bits, live) <= most_chance:
            return length
    return None
