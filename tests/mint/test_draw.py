from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tillroll.campaign.codes.format import CROCKFORD, CodeFormat
from tillroll.campaign.codes.strength import bits_of
from tillroll.campaign.codes.unwanted import compile_search, fold_lookalikes, unwanted_words
from tillroll.mint.draw import draw_codes, new_key, shuffled

_formats = st.builds(
    CodeFormat,
    title=st.just("f"),
    alphabet=st.sampled_from([CROCKFORD, "ABCDEFGHIJ", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"]),
    length=st.integers(6, 20),
    group=st.sampled_from([None, 3, 4]),
    check_symbol=st.booleans(),
    unwanted=st.sampled_from([(), ("ABC", "JJJJ")]),
)


@settings(deadline=None)
@given(_formats, st.integers(0, 300), st.sampled_from(["", "BACK", "2026"]))
def test_codes_are_different_sorted_and_of_their_format(
    code_format: CodeFormat, count: int, prefix: str
) -> None:
    codes = draw_codes(count, code_format=code_format, prefix=prefix)
    assert len(set(codes)) == count
    assert codes == sorted(codes)
    words = compile_search(unwanted_words(code_format.unwanted))
    for code in codes:
        assert code_format.read(prefix, code) == code
        assert not code.replace("-", "").isdigit()
        drawn = code.replace("-", "").removeprefix(prefix)
        assert not words.search(fold_lookalikes(drawn).encode()), code


def test_no_symbol_is_favoured_at_any_position() -> None:
    """No code is discarded with these letters, so each of the 21 is equally frequent at every position."""
    code_format = CodeFormat(title="f", alphabet="BCDFGHJKLMNPQRSTVWXYZ", length=20)
    codes = draw_codes(9_000, code_format=code_format, prefix="")
    assert bits_of(code_format) == pytest.approx(20 * 4.392317, abs=0.01)
    places = {"any": "".join(codes), **{f"{one}": "".join(code[one] for code in codes) for one in range(20)}}
    for place, signs in places.items():
        counts, expected = Counter(signs), len(signs) / 21
        assert len(counts) == 21
        chi = sum((count - expected) ** 2 / expected for count in counts.values())
        assert chi < 70, f"place {place}: {counts}"  # 20 degrees of freedom: once in ten million times


def test_discarded_codes_are_replaced_as_a_whole_so_the_rest_stays_even() -> None:
    """Codes with BBB or CBC are discarded, and the remaining ones are equally frequent."""
    code_format = CodeFormat(title="f", alphabet="BCDFGHJKMN", length=4, unwanted=("BBB", "CBC", "DDDD"))
    counts: Counter[str] = Counter()
    for _ in range(3_000):
        counts.update(draw_codes(20, code_format=code_format, prefix=""))
    possible = round(2 ** bits_of(code_format))
    assert possible == 10_000 - 20 + 1 - 20 - 1  # BBB: 10 + 10 - 1 (BBBB), CBC the same but never twice, DDDD
    expected = 60_000 / possible
    chi = sum((count - expected) ** 2 / expected for count in counts.values())
    chi += (possible - len(counts)) * expected
    assert abs(chi - possible) < 6 * (2 * possible) ** 0.5
    assert not {"BBBD", "FBBB", "CBCN", "DDDD"} & counts.keys()


def test_two_codes_that_form_a_word_side_by_side_are_both_allowed() -> None:
    """All codes are searched as one block, where a code ending in BB may precede one starting with B."""
    code_format = CodeFormat(title="f", alphabet="BCDFGHJKMN", length=4, unwanted=("BBB",))
    ends = drawn = 0
    for _ in range(200):
        codes = draw_codes(2_000, code_format=code_format, prefix="")
        ends += sum(code.endswith("BB") for code in codes)
        drawn += len(codes)
    expected = drawn * 90 / (10_000 - 19)
    assert abs(ends - expected) < 5 * expected**0.5


def test_no_code_is_all_digits_even_if_most_draws_are() -> None:
    code_format = CodeFormat(title="f", alphabet="0123456789A", length=6)
    codes = draw_codes(5_000, code_format=code_format, prefix="20")
    assert all("A" in code for code in codes)
    with_letter = draw_codes(5_000, code_format=code_format, prefix="B")
    assert any(code.removeprefix("B").isdigit() for code in with_letter), "there the code isn't digits alone"


def test_a_code_does_not_complete_a_word_that_starts_in_the_prefix() -> None:
    codes = draw_codes(20_000, code_format=CodeFormat(title="f"), prefix="BAS")
    assert not any(code[3] in "S5" for code in codes)


def test_the_same_holds_across_a_hyphen() -> None:
    codes = draw_codes(20_000, code_format=CodeFormat(title="f", group=5), prefix="BAS")
    assert not any(code[4] in "S5" for code in codes)


def test_shuffling_keeps_every_item() -> None:
    ids = list(range(1000))
    assert sorted(shuffled(ids)) == ids
    assert shuffled(ids) != ids


def test_keys_are_fresh() -> None:
    assert len({new_key() for _ in range(100)}) == 100
