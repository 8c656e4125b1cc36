"""Which addresses are one person's."""

from __future__ import annotations

import pytest

from tillroll.campaign.text.addresses import SamePerson, mailbox_of, person_key


@pytest.mark.parametrize(
    ("one", "other", "by_address", "by_mailbox"),
    [
        ("Ana@Mail.example", " ana@mail.EXAMPLE ", True, True),
        ("ana+tea@mail.example", "ana@mail.example", False, True),
        ("a.n.a@gmail.com", "ana+tea@googlemail.com", False, True),
        ("a.na@mail.example", "ana@mail.example", False, False),
        ("ŽIVA@mail.example", "živa@mail.example", True, True),
        ("ana@mail.example", "ana@other.example", False, False),
    ],
)
def test_addresses_are_compared_as_the_shop_says(
    one: str, other: str, by_address: bool, by_mailbox: bool
) -> None:
    for same, is_same in ((SamePerson.ADDRESS, by_address), (SamePerson.MAILBOX, by_mailbox)):
        assert (person_key(one, same) == person_key(other, same)) is is_same


@pytest.mark.parametrize("text", ["", "nobody", "@mail.example", "  "])
def test_what_is_no_address_has_no_mailbox(text: str) -> None:
    assert mailbox_of(text) == ""


def test_a_name_that_begins_with_a_plus_is_kept() -> None:
    assert mailbox_of("+ana@mail.example") == "+ana@mail.example"
