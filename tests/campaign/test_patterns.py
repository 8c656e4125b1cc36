"""Patterns of codes: `SUMMER-####-VIP`, with random symbols in their places and nothing else left to chance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.campaign.files import only, with_files
from tillroll.campaign.codes.format import CROCKFORD, CodeFormat
from tillroll.campaign.codes.strength import bits_of, say_sufficient, sufficient_length
from tillroll.campaign.codes.unwanted import fold_lookalikes, unwanted_words
from tillroll.mint.draw import draw_codes

FORMATS = "rules/codes/summer.yaml"


def form(pattern: str, **values: object) -> CodeFormat:
    return CodeFormat.model_validate({"title": "f", "pattern": pattern, **values})


@pytest.mark.parametrize("pattern", ["SUMMER-####-VIP", "####-####", "VIP########", "2026-########"])
@pytest.mark.parametrize("prefix", ["", "BACK"])
@pytest.mark.parametrize("checked", [False, True])
def test_a_code_has_its_patterns_form(pattern: str, prefix: str, checked: bool) -> None:
    code_format = form(pattern, check_symbol=checked) if pattern.count("#") > 4 else form(pattern)
    for code in draw_codes(50, code_format=code_format, prefix=prefix):
        whole = f"{prefix}-{pattern}" if prefix and "-" in pattern else prefix + pattern
        assert len(code) == code_format.code_length(prefix)
        assert code.startswith(code_format.head(prefix))
        pairs = list(zip(whole, code, strict=True))
        assert all(mine == theirs for mine, theirs in pairs if mine != "#")
        assert {theirs for mine, theirs in pairs if mine == "#"} <= set(CROCKFORD)
        assert code_format.read(prefix, code) == code
        assert code_format.read(prefix, f" {code.lower().replace('-', ' ')} ") == code
        assert not code.replace("-", "").isdigit()


def test_a_code_is_read_as_people_type_it() -> None:
    code_format = form("SUMMER-####-VIP")
    assert code_format.read("", "5ummer 1o2l v1p") == "SUMMER-1021-VIP"
    for other in ("SUMMER-1021-VAP", "SUMMER-102-VIP", "SUMMER-10211-VIP", "WINTER-1021-VIP", ""):
        assert code_format.read("", other) is None


def test_a_check_symbol_is_the_last_random_one() -> None:
    code_format = form("VIP-#####-X", check_symbol=True)
    (code,) = draw_codes(1, code_format=code_format, prefix="")
    wrong = code.replace(code[4], next(char for char in CROCKFORD if char != code[4]), 1)
    assert code_format.drawn == 4
    assert code_format.read("", code) == code
    assert code_format.read("", wrong) is None


def places_of(word: str, text: str) -> Iterator[int]:
    """Yield each place where a word begins in a text."""
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


@settings(deadline=None)
@given(
    st.sampled_from(["AB#####C", "J##AB##J-J", "#A#B#C#J", "ABC####A", "AB-####-BC"]),
    st.sampled_from(["", "AB", "JJ"]),
)
def test_no_word_has_a_drawn_symbol_in_it_and_the_bits_count_just_the_others(
    pattern: str, prefix: str
) -> None:
    words = ("ABC", "JJJ", "CAB")
    code_format = form(pattern, alphabet="ABCDEFGHJK", unwanted=words)
    listed = unwanted_words(words)
    whole = (prefix + pattern).replace("-", "")
    gaps = [place for place, char in enumerate(whole) if char == "#"]

    def is_kept(code: str) -> bool:
        folded = fold_lookalikes(code)
        spans = ((start, start + len(word)) for word in listed for start in places_of(word, folded))
        return not any(start <= gap < end for start, end in spans for gap in gaps)

    for code in draw_codes(300, code_format=code_format, prefix=prefix):
        assert is_kept(code), code
    if len(gaps) == 4:
        every = ("".join(symbols) for symbols in product("ABCDEFGHJK", repeat=4))
        kept = sum(is_kept(code_format.format_code(prefix, symbols)) for symbols in every)
        assert 2 ** bits_of(code_format, prefix) == pytest.approx(kept, rel=1e-6)


def test_a_word_of_the_pattern_itself_is_its_writers_choice() -> None:
    code_format = form("ACME-####-ACME", unwanted=("ACME",))
    assert len(draw_codes(20, code_format=code_format, prefix="")) == 20


def test_the_strength_is_that_of_the_random_part() -> None:
    assert bits_of(form("SUMMER-########-VIP")) == pytest.approx(40, abs=0.1)
    assert bits_of(form("SUMMER-####-VIP")) == pytest.approx(20, abs=0.1)
    drawn = sufficient_length(form("SUMMER-####-VIP"), "", live=1, least_bits=40, most_chance=1)
    assert drawn == 9
    assert say_sufficient(form("SUMMER-####-VIP"), drawn) == "pattern: SUMMER-#########-VIP would suffice"


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("pattern: SUMMER-####-VIP", "pattern", "pattern: SUMMER-##########-VIP would suffice"),
        (
            "pattern: summer-########",
            "pattern",
            "capital letters, digits, hyphens, and # for each random symbol",
        ),
        ("pattern: 'SUMMER-????????'", "pattern", "# for each random symbol, like SUMMER-##########-VIP"),
        ("pattern: SUMMER-VIP", "pattern", "4 to 64 random symbols, each written as #"),
        ("pattern: SUMMER-########-", "pattern", "neither begins nor ends with a hyphen"),
        ("pattern: SUMMER-########\nlength: 8", "length", "has no meaning with pattern:"),
        ("pattern: SUMMER-########\ngroup: 4", "group", "has no meaning with pattern:"),
        ("suffix: VIP", "suffix", "write it in a pattern: pattern: '##########-VIP'"),
        ("mask: 'SUMMER-########'", "mask", "write pattern: 'SUMMER-##########'"),
    ],
)
def test_a_pattern_that_does_not_work_is_answered(lines: str, key: str, words: str) -> None:
    finding = only(with_files({FORMATS: f"title: Summer\n{lines}\n"}))
    assert finding.key == key
    assert words in finding.problem


def test_a_pattern_with_enough_symbols_is_accepted() -> None:
    book = with_files({FORMATS: "title: Summer\npattern: SUMMER-#####-#####-VIP\n"})
    assert not book.findings


def test_a_pattern_in_the_campaign_is_sent_to_its_place() -> None:
    text = "codes: {pattern: 'SUMMER-########-VIP'}"
    files = with_files(
        {"campaigns/hello.yaml": f"title: Hello\nowner: ana\nwhen: {{manual: true}}\n{text}\n"}
    )
    told = [each.problem for each in files.findings if each.key == "codes.pattern"]
    assert [
        words.startswith("unknown key; it belongs in a code format: rules/codes/NAME.yaml") for words in told
    ] == [True]
