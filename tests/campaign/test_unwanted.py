from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.codes.unwanted import Reader, openings, searching, seen, unwanted_words

_LETTERS = "ABCOSTIEUKFN"
_WORDS = st.lists(st.text(_LETTERS, min_size=3, max_size=6), min_size=1, max_size=8).map(tuple)


def holds(text: str, words: tuple[str, ...]) -> bool:
    """In plain words."""
    return any(word in text for word in words)


def found(text: str, words: tuple[str, ...]) -> bool:
    return searching(words).search(seen(text).encode()) is not None


@pytest.mark.parametrize(
    "text", ["5H1T", "BACK-X5H1-T2", "fuck", "7KFVCK9", "A55", "C0CK-2", "m1erda", "P0RC4", "ME7RDE3MERDE"]
)
def test_words_are_seen_through_look_alikes_and_hyphens(text: str) -> None:
    assert found(text, unwanted_words())


@pytest.mark.parametrize("text", ["HELLO-7K2Q-9MXH", "SPRING26", "BACK7H2Q9M"])
def test_what_holds_no_word_is_let_through(text: str) -> None:
    assert not found(text, unwanted_words())


def test_words_of_ones_own_are_looked_for_too() -> None:
    words = unwanted_words(("ACME",))
    assert found("7KAC-M3XH", words)
    assert not found("7KAC-M3XH", unwanted_words())


def test_a_word_that_holds_another_needs_no_place_of_its_own() -> None:
    assert unwanted_words(("ASSUME",)) == unwanted_words()


@given(_WORDS, st.text(_LETTERS, max_size=14))
def test_the_search_finds_what_plain_looking_finds(words: tuple[str, ...], text: str) -> None:
    folded = tuple(sorted({seen(word) for word in words}))
    assert found(text, folded) is holds(seen(text), folded)


@given(_WORDS, st.text(_LETTERS, max_size=6), st.text(_LETTERS, max_size=10))
def test_reading_sign_by_sign_finds_what_the_search_finds(
    words: tuple[str, ...], prefix: str, text: str
) -> None:
    kept = tuple(word for word in unwanted_words(words) if len(word) <= 10)
    reader = Reader(kept)
    state: str | None = reader.after(prefix)
    for sign in seen(text):
        state = None if state is None else reader.read(state, sign)
    begun_before = seen(text).startswith(openings(kept, prefix))
    assert (state is None) is (holds(seen(text), kept) or begun_before)


def test_a_word_may_begin_in_the_prefix_and_what_the_prefix_holds_itself_is_as_somebody_wrote_it() -> None:
    assert "S" in openings(unwanted_words(), "BAS")
    assert openings(("ASS",), "BA-S") == ("S",)
    assert openings(("ASS",), "CLASS") == ()
    assert Reader(("ASS",)).read(Reader(("ASS",)).after("CLASS"), "S") == ""
