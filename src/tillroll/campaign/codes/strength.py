"""How hard the codes of a format are to guess, and how often a drawn code exists already. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from tillroll.campaign.codes.check_symbol import modulus
from tillroll.campaign.codes.format import RANDOM, CodeFormat
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
    form = code_format.format_code("", RANDOM * count).replace("-", "")
    kept = _share_kept(code_format.unwanted, prefix, form, alphabet)
    fixed = prefix + form.replace(RANDOM, "")
    if fixed.isdigit() or not fixed:
        digits = "".join(char for char in alphabet if char.isdigit())
        all_digits = (len(digits) / len(alphabet)) ** count
        kept -= _share_kept(code_format.unwanted, prefix, form, digits) * all_digits
    fits = len(alphabet) / modulus(len(alphabet)) if code_format.check_symbol else 1.0
    whole = code_format.drawn * math.log2(len(alphabet))
    return whole + math.log2(kept * fits) if kept > 0 else 0.0


@lru_cache(maxsize=64)
def _matcher(unwanted: tuple[str, ...]) -> WordMatcher:
    return WordMatcher(unwanted_words(unwanted))


@lru_cache(maxsize=1024)
def _share_kept(unwanted: tuple[str, ...], prefix: str, form: str, symbols: str) -> float:
    """Return the share of the codes of a form, each `#` one of the symbols, in which no unwanted word has a drawn symbol."""
    matcher = _matcher(unwanted)
    states, run = {matcher.after(prefix): 1.0}, len(prefix)
    drawn = {char: number / len(symbols) for char, number in Counter(fold_lookalikes(symbols)).items()}
    for place in form:
        run = 0 if place == RANDOM else run + 1
        chances = {fold_lookalikes(place): 1.0} if run else drawn
        following: dict[str, float] = {}
        for state, share in states.items():
            for char, chance in chances.items():
                after = matcher.read_fixed(state, char, run) if run else matcher.read(state, char)
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
    """Return the smallest number of random symbols with enough bits and a small enough chance for guesses; None: none has."""
    first = max(code_format.drawn, math.ceil(least_bits / math.log2(len(code_format.alphabet))))
    for length in range(first, _LONGEST + 1):
        bits = bits_of(code_format.with_drawn(length), prefix)
        if bits >= least_bits and guess_chance(bits, live) <= most_chance:
            return length
    return None


def say_sufficient(code_format: CodeFormat, drawn: int) -> str:
    """Return what to write for so many random symbols: `length: 9 would suffice`."""
    if code_format.pattern is None:
        return f"length: {drawn} would suffice"
    return f"pattern: {code_format.with_drawn(drawn).pattern} would suffice"
