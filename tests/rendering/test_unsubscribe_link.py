"""An unsubscribe link says whose it is to the installation that made it, for years, and nothing to anybody else."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shop import PUBLIC_URL
from tillroll.ledger.sealing import new_key
from tillroll.rendering.bulk.link import Subscription, UnsubscribeLinks
from tillroll.rendering.bulk.token import LONGEST_TOKEN

KEYS = (new_key(), new_key())
LINKS = UnsubscribeLinks(PUBLIC_URL, KEYS[:1])
ZIVA = Subscription(ecwid_id=1003, address="živa@mail.example", campaign="winback", run_id=7, kind="offer")
_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
subscriptions = st.builds(
    Subscription,
    ecwid_id=st.integers(1, 2**40),
    address=st.from_regex(r"[a-zž0-9.+'_-]{1,64}@[a-zö0-9-]{1,60}\.example", fullmatch=True),
    campaign=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    run_id=st.integers(1, 2**60),
    kind=st.sampled_from(["offer", "reminder"]),
)


@given(subscriptions)
def test_a_token_is_opened_by_the_installation_that_made_it(subscription: Subscription) -> None:
    token = LINKS.token(subscription)
    assert LINKS.opened(token) == subscription
    assert LINKS.token(subscription) == token  # the same at every attempt
    assert len(token) <= LONGEST_TOKEN


def test_the_longest_address_and_name_fit() -> None:
    longest = Subscription(
        ecwid_id=2**40, address=f"{'a' * 241}@mail.example", campaign="c" * 63, run_id=2**60, kind="reminder"
    )
    assert LINKS.opened(LINKS.token(longest)) == longest


@given(subscriptions, st.data())
def test_a_token_that_was_changed_anywhere_is_refused(
    subscription: Subscription, data: st.DataObject
) -> None:
    token = LINKS.token(subscription)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(sorted(set(_letters) - {token[at]})))
    assert LINKS.opened(token[:at] + letter + token[at + 1 :]) is None
    assert LINKS.opened(token[:at]) is None
    assert LINKS.opened(token + letter) is None


@given(st.text(max_size=LONGEST_TOKEN + 10))
def test_whatever_comes_instead_of_a_token_is_refused(text: str) -> None:
    assert LINKS.opened(text) is None


@pytest.mark.parametrize("text", ["", "EXAMPLE", "a" * 24, "A" * LONGEST_TOKEN, "é" * 30, "\ud800" * 30])
def test_what_looks_like_a_token_is_refused(text: str) -> None:
    assert LINKS.opened(text) is None


def test_a_link_outlives_a_rotation_as_long_as_its_key_is_kept() -> None:
    token = LINKS.token(ZIVA)
    rotated = UnsubscribeLinks(PUBLIC_URL, (KEYS[1], KEYS[0]))
    assert rotated.opened(token) == ZIVA
    assert rotated.token(ZIVA) != token
    assert UnsubscribeLinks(PUBLIC_URL, KEYS[1:]).opened(token) is None


def test_nothing_of_a_person_can_be_read_in_a_link() -> None:
    link = LINKS.link(ZIVA)
    assert link.startswith(f"{PUBLIC_URL}/unsubscribe/")
    token = link.rpartition("/")[2]
    content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for word in (b"mail.example", b"winback", b"1003", "živa".encode()):
        assert word not in content
        assert word not in link.encode()


def test_an_address_is_one_however_it_is_written() -> None:
    other = Subscription(
        ecwid_id=1003, address=" Živa@Mail.Example ", campaign="winback", run_id=7, kind="offer"
    )
    assert LINKS.link(other) == LINKS.link(ZIVA)


def test_without_an_address_of_the_pages_there_are_no_links() -> None:
    assert not UnsubscribeLinks("", KEYS)
    assert LINKS
