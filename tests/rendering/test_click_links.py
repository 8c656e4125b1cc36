"""Links that count clicks lead to the shop alone, and nobody else can make one."""

from __future__ import annotations

import pytest

from tests.shop import PUBLIC_URL
from tillroll.rendering.bulk.click import ClickLinks, ClickReader, ClickTarget, ShopClicks, is_own

KEY = "a key of the tests"
SHOP = "https://shop.example"
LINKS = ClickLinks(PUBLIC_URL, (KEY,))
TARGET = ClickTarget(ecwid_id=1003, campaign="hello", address=f"{SHOP}/tea?x=1&y=ü")


def token_of(link: str | None) -> str:
    assert link is not None
    return link.removeprefix(f"{PUBLIC_URL}/go/").partition("/")[0]


def test_a_link_says_where_it_leads_and_a_token_whose_it_is() -> None:
    assert LINKS.target_of(token_of(LINKS.link(TARGET))) == TARGET
    assert LINKS.link(TARGET) == LINKS.link(TARGET), "the same at every attempt"
    reader = ClickReader(run_id=3, message_id=14)
    assert LINKS.reader_of(LINKS.reader(reader)) == reader


def test_a_link_made_elsewhere_changed_or_of_another_purpose_is_none() -> None:
    token = token_of(LINKS.link(TARGET))
    assert ClickLinks(PUBLIC_URL, ("another key",)).target_of(token) is None
    assert ClickLinks(PUBLIC_URL, ("a new key", KEY)).target_of(token) == TARGET
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert LINKS.target_of(changed) is None
    assert LINKS.reader_of(token) is None
    assert LINKS.target_of(LINKS.reader(ClickReader(run_id=1, message_id=1))) is None
    assert LINKS.target_of("https://evil.example/") is None


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        (f"{SHOP}/tea", True),
        ("http://shop.example/tea#!/~/cart", True),
        ("https://SHOP.example/tea", True),
        ("https://shop.example.evil.example/", False),
        ("https://evil.example/?shop.example", False),
        ("https://shop.example@evil.example/", False),
        ("https://evil@shop.example/", False),
        ("https://shop.example:8443/", False),
        ("//shop.example/", False),
        ("javascript://shop.example/%0aalert(1)", False),
        ("https://evil.example\\@shop.example/", False),
        ("https://[shop.example/", False),
        ("", False),
    ],
)
def test_only_the_shops_own_pages_are_led_to(address: str, is_it: bool) -> None:
    assert is_own(address, SHOP) is is_it
    assert not is_own(address, "")


def test_an_address_that_is_not_the_shops_or_too_long_stays_as_it_is() -> None:
    clicks = ShopClicks(links=LINKS, ecwid_id=1003)
    assert clicks.counted("https://elsewhere.example/", campaign="hello", shop_url=SHOP) is None
    assert clicks.counted(f"{SHOP}/{'x' * 600}", campaign="hello", shop_url=SHOP) is None
    assert clicks.counted(f"{SHOP}/tea", campaign="hello", shop_url=SHOP) is not None
