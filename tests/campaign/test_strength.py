from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tillroll.campaign.codes.check_symbol import check_symbol
from tillroll.campaign.codes.format import CROCKFORD, CodeFormat
from tillroll.campaign.codes.strength import (
    GUESSES,
    bits_of,
    floor_bits,
    guess_chance,
    say_chance,
    strength_of,
    sufficient_length,
)
from tillroll.campaign.codes.unwanted import compile_search, fold_lookalikes, forbidden_starts, unwanted_words


def counted(code_format: CodeFormat, prefix: str) -> int:
    """Return every code that may be drawn, checked one by one."""
    words = unwanted_words(code_format.unwanted)
    pattern, begun, count = compile_search(words), forbidden_starts(words, prefix), 0
    for signs in itertools.product(code_format.alphabet, repeat=code_format.length):
        text = "".join(signs)
        if code_format.check_symbol:
            end = check_symbol(text, code_format.alphabet)
            if not end:
                continue
            text += end
        looks = fold_lookalikes(text)
        all_digits = (prefix + text).isdigit()
        count += not (all_digits or looks.startswith(begun) or pattern.search(looks.encode()))
    return count


@pytest.mark.parametrize(
    ("values", "prefix"),
    [
        ({"alphabet": "0123456789A", "length": 4}, ""),
        ({"alphabet": "0123456789A", "length": 4}, "77"),
        ({"alphabet": "0123456789A", "length": 4}, "B"),
        ({"alphabet": "ASTICUMKFE", "length": 4}, ""),
        ({"alphabet": "ASTICUMKFE", "length": 4, "unwanted": ("KAM", "TEA")}, ""),
        ({"alphabet": "ASTICUMKFE", "length": 4}, "BAS"),
        ({"alphabet": "0123456789ABCDEF", "length": 4}, "SH1"),
    ],
)
def test_the_bits_count_only_codes_that_may_be_drawn(values: dict[str, object], prefix: str) -> None:
    code_format = CodeFormat.model_validate({"title": "f", **values})
    assert bits_of(code_format, prefix) == pytest.approx(math.log2(counted(code_format, prefix)), abs=1e-9)


@pytest.mark.parametrize("alphabet", ["ASTICUMKFE", "0123456789ABCDEF"])
def test_with_a_check_symbol_the_bits_are_right_to_a_hundredth(alphabet: str) -> None:
    code_format = CodeFormat(title="f", alphabet=alphabet, length=4, check_symbol=True)
    assert bits_of(code_format, "") == pytest.approx(math.log2(counted(code_format, "")), abs=0.01)


def test_the_default_format_shows_a_little_under_fifty_bits() -> None:
    bits = bits_of(CodeFormat(title="f"), "BACK")
    assert 49.98 < bits < 50
    assert floor_bits(bits) == 49.9


def test_a_check_symbol_costs_a_fifth_of_a_bit() -> None:
    plain, checked = CodeFormat(title="f"), CodeFormat(title="f", check_symbol=True)
    assert bits_of(plain) - bits_of(checked) == pytest.approx(math.log2(37 / 32), abs=0.01)


@pytest.mark.parametrize(("bits", "live"), [(40, 1000), (50, 1_000_000), (60, 5), (30, 700)])
def test_the_chance_of_a_million_guesses_is_that_of_rare_events(bits: float, live: int) -> None:
    assert guess_chance(bits, live) == pytest.approx(1 - math.exp(-GUESSES * live / 2**bits), rel=1e-3)


def test_more_live_codes_than_possible_are_hit_for_sure() -> None:
    assert guess_chance(10, 1024) == 1.0


def test_draws_collide_with_existing_codes_and_with_each_other() -> None:
    strength = strength_of(CodeFormat(title="f", alphabet="BCDFGHJKMN", length=6), "", new=1000, made=9000)
    space = 2 ** bits_of(CodeFormat(title="f", alphabet="BCDFGHJKMN", length=6))
    assert strength.collisions == pytest.approx((1000 * 9000 + 1000 * 999 / 2) / space, rel=0.01)
    assert strength_of(CodeFormat(title="f"), "", new=1).collisions == 0


@given(
    st.sampled_from([CROCKFORD, "BCDFGHJKMN"]),
    st.integers(1, 10_000_000),
    st.floats(20, 80),
    st.sampled_from([0.1, 0.01, 0.0001]),
    st.booleans(),
)
@settings(max_examples=15)
def test_the_sufficient_length_is_the_smallest(
    alphabet: str, live: int, least: float, most: float, check: bool
) -> None:
    short = CodeFormat(title="f", alphabet=alphabet, length=4, check_symbol=check)
    does = sufficient_length(short, "", live=live, least_bits=least, most_chance=most)
    assert does is not None

    def enough(length: int) -> bool:
        bits = bits_of(short.model_copy(update={"length": length}))
        return bits >= least and guess_chance(bits, live) <= most

    assert enough(does)
    assert does == 4 or not enough(does - 1)


def test_no_length_is_sufficient_for_impossible_limits() -> None:
    ten = CodeFormat(title="f", alphabet="BCDFGHJKMN")
    assert sufficient_length(ten, "", live=1, least_bits=256, most_chance=0.01) is None


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (1.0, "100%"),
        (0.034, "3.4%"),
        (0.01, "1%"),
        (0.004, "1 in 250"),
        (3.6e-6, "1 in 280,000"),
        (0.0, "practically zero"),
    ],
)
def test_a_chance_in_words(chance: float, words: str) -> None:
    assert say_chance(chance) == words
