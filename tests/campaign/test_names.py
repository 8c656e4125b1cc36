"""A customer's name as an e-mail may use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.frozen.names import usable_name

NAMES = [
    "Ana", "Ana Novak", "ana", "J.", "JJ", "Jean-Luc", "O'Neil", "Dr. Müller", "María José", "Žiga", "李小龍", "محمد", "עדי",
    "Ana 🌿", "St. John", "Nguyễn Văn A", "van der Berg", "McDonald", "Ana & Bo", "Company d.o.o.", "K. Me",
]  # fmt: skip
NO_NAMES = [
    "http://evil.example/win CLAIM", "www.evil.example", "evil.com", "Win at evil.com now", "bit.ly/x1", "ana@mail.example",
    "<b>Ana</b>", "{{ code.text }}", "[url=x]", "12345", "-", ".", "", "   ", "🌿", "x" * 61, "50% off", "$500",
    "=cmd|' /C calc'!A0",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_as_it_is(name: str) -> None:
    assert usable_name(name) == name


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_name_counts_as_none(text: str) -> None:
    assert usable_name(text) == ""


@pytest.mark.parametrize(
    ("shouted", "name"),
    [
        ("ANA", "Ana"),
        ("ANA MARIA", "Ana Maria"),
        ("JEAN-LUC", "Jean-Luc"),
        ("O'NEIL", "O'Neil"),
        ("ŽIGA ŠKOF", "Žiga Škof"),
        ("  ANA   NOVAK ", "Ana Novak"),
        ("ИВАН", "Иван"),
    ],
)
def test_capitals_become_small(shouted: str, name: str) -> None:
    assert usable_name(shouted) == name


@given(text=st.text(max_size=100))
def test_a_usable_name_stays_usable(text: str) -> None:
    name = usable_name(text)
    assert usable_name(name) == name
    assert "://" not in name
    assert "\n" not in name


@given(name=st.text(alphabet="aBž1-'’_ .@/李İǅ", max_size=70))
def test_the_short_way_for_ordinary_names_says_what_the_long_one_says(name: str) -> None:
    """A blank before a name leads the long way."""
    assert usable_name(name) == usable_name(f" {name}")
