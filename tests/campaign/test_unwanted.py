from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.codes.unwanted import (
    WordMatcher,
    compile_search,
    fold_lookalikes,
    forbidden_starts,
    unwanted_words,
)

_LETTERS = "ABCOSTIEUKFN"
_WORDS = st.lists(st.text(_LETTERS, min_size=3, max_size=6), min_size=1, max_size=8).map(tuple)


def holds(text: str, words: tuple[str, ...]) -> bool:
    """The plain search that the fast ones are compared with."""
    return any(word in text for word in words)


def found(text: str, words: tuple[str, ...]) -> bool:
    return compile_search(words).search(fold_lookalikes(text).encode()) is not None


@pytest.mark.parametrize(
    "text", ["5H1T", "BACK-X5H1-T2", "fuck", "7KFVCK9", "A55", "C0CK-2", "m1erda", "P0RC4", "ME7RDE3MERDE"]
)
def test_words_are_found_in_look_alikes_and_across_hyphens(text: str) -> None:
    assert found(text, unwanted_words())


@pytest.mark.parametrize("text", ["HELLO-7K2Q-9MXH", "SPRING26", "BACK7H2Q9M"])
def test_a_code_without_words_is_accepted(text: str) -> None:
    assert not found(text, unwanted_words())


def test_a_formats_own_words_are_found_too() -> None:
    words = unwanted_words(("ACME",))
    assert found("7KAC-M3XH", words)
    assert not found("7KAC-M3XH", unwanted_words())


def test_a_word_that_contains_another_is_left_out() -> None:
    assert unwanted_words(("ASSUME",)) == unwanted_words()


@given(_WORDS, st.text(_LETTERS, max_size=14))
def test_the_search_finds_what_a_plain_search_finds(words: tuple[str, ...], text: str) -> None:
    folded = tuple(sorted({fold_lookalikes(word) for word in words}))
    assert found(text, folded) is holds(fold_lookalikes(text), folded)


@given(_WORDS, st.text(_LETTERS, max_size=6), st.text(_LETTERS, max_size=10))
def test_the_matcher_finds_what_the_search_finds(words: tuple[str, ...], prefix: str, text: str) -> None:
    kept = tuple(word for word in unwanted_words(words) if len(word) <= 10)
    reader = WordMatcher(kept)
    state: str | None = reader.after(prefix)
    for sign in fold_lookalikes(text):
        state = None if state is None else reader.read(state, sign)
    begun_before = fold_lookalikes(text).startswith(forbidden_starts(kept, prefix))
    assert (state is None) is (holds(fold_lookalikes(text), kept) or begun_before)


def test_a_word_may_begin_in_the_prefix_but_words_inside_it_are_ignored() -> None:
    assert "S" in forbidden_starts(unwanted_words(), "BAS")
    assert forbidden_starts(("ASS",), "BA-S") == ("S",)
    assert forbidden_starts(("ASS",), "CLASS") == ()
    assert WordMatcher(("ASS",)).read(WordMatcher(("ASS",)).after("CLASS"), "S") == ""
