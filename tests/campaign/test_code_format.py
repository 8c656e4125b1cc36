from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tillroll.campaign.codes.check_symbol import check_symbol, modulus
from tillroll.campaign.codes.format import CROCKFORD, LONGEST_CODE, CodeFormat
from tillroll.campaign.language.models import Codes

_ALL = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
alphabets = st.one_of(
    st.just(CROCKFORD),
    st.integers(10, 36).flatmap(lambda size: st.permutations(_ALL).map(lambda p: "".join(p[:size]))),
).filter(lambda symbols: any(symbol.isalpha() for symbol in symbols))


@st.composite
def checked(draw: st.DrawFn) -> tuple[str, str]:
    """Draw an alphabet, and symbols of it with their check symbol."""
    alphabet = draw(alphabets)
    symbols = draw(st.text(alphabet, min_size=4, max_size=20))
    end = check_symbol(symbols, alphabet)
    assume(end)
    return alphabet, symbols + end


def fits(text: str, alphabet: str) -> bool:
    return check_symbol(text[:-1], alphabet) == text[-1]


@pytest.mark.parametrize(("symbols", "end"), [("16J", "D"), ("000000", "0")])
def test_the_check_symbol_is_crockfords(symbols: str, end: str) -> None:
    """1234 is 16J, and its remainder by 37 is 13: D."""
    assert check_symbol(symbols, CROCKFORD) == end


def test_a_remainder_above_the_alphabet_has_no_symbol() -> None:
    assert check_symbol("0010", CROCKFORD) == ""  # 32
    assert check_symbol("000Z", CROCKFORD) == "Z"


@given(checked(), st.data())
def test_every_wrong_symbol_is_detected(code: tuple[str, str], data: st.DataObject) -> None:
    alphabet, text = code
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([sign for sign in alphabet if sign != text[place]]))
    assert fits(text, alphabet)
    assert not fits(text[:place] + other + text[place + 1 :], alphabet)


@given(checked(), st.data())
def test_every_swap_of_neighbours_is_detected(code: tuple[str, str], data: st.DataObject) -> None:
    alphabet, text = code
    place = data.draw(st.integers(0, len(text) - 2))
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assume(swapped != text)
    assert not fits(swapped, alphabet)


@pytest.mark.parametrize(("size", "prime"), [(10, 11), (32, 37), (36, 37), (31, 37), (11, 13)])
def test_the_modulus_is_the_next_prime(size: int, prime: int) -> None:
    assert modulus(size) == prime


@given(
    alphabet=alphabets,
    group=st.sampled_from([None, 2, 3, 4, 7]),
    check=st.booleans(),
    prefix=st.sampled_from(["", "BACK", "2026"]),
    data=st.data(),
)
def test_a_code_is_read_however_it_is_typed(
    alphabet: str, group: int | None, check: bool, prefix: str, data: st.DataObject
) -> None:
    symbols = data.draw(st.text(alphabet, min_size=6, max_size=6))
    code_format = CodeFormat(title="f", alphabet=alphabet, length=6, group=group, check_symbol=check)
    if check:
        end = check_symbol(symbols, alphabet)
        assume(end)
        symbols += end
    code = code_format.format_code(prefix, symbols)
    assert len(code) == code_format.code_length(prefix)
    assert code_format.read(prefix, code) == code
    assert code_format.read(prefix, f" {code.lower().replace('-', ' ')} ") == code


def test_look_alikes_are_read_as_symbols() -> None:
    code_format = CodeFormat(title="f", group=5)
    assert code_format.read("BACK", "back o1il2-34567") == "BACK-01112-34567"
    assert code_format.read("HELLO", "hell0-01112-34567") == "HELLO-01112-34567"
    letters = CodeFormat(title="f", alphabet="ABCDEFGHIJKLMNOP", length=4)
    assert letters.read("", "OLIO") == "OLIO"


@pytest.mark.parametrize(
    "typed", ["BACK-01112-3456", "BACK-01112-345678", "01112-34567", "BACK-01112-3456!", ""]
)
def test_a_text_of_another_format_is_not_read(typed: str) -> None:
    assert CodeFormat(title="f", group=5).read("BACK", typed) is None


def test_a_prefix_is_a_group_of_its_own() -> None:
    assert CodeFormat(title="f", length=8, group=4).format_code("BACK", "7K2Q9MXH") == "BACK-7K2Q-9MXH"
    assert CodeFormat(title="f", length=8, group=4).format_code("", "7K2Q9MXH") == "7K2Q-9MXH"
    assert CodeFormat(title="f", length=8).format_code("BACK", "7K2Q9MXH") == "BACK7K2Q9MXH"


def test_the_longest_possible_code_fits_the_store() -> None:
    longest = CodeFormat(title="f", length=64, group=2, check_symbol=True)
    codes = Codes.model_validate({"prefix": "A" * 12})
    assert longest.code_length(codes.prefix) <= LONGEST_CODE
