"""Links that say which campaign they come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.brand.tracked import tracked

SAID = "utm_source=tillroll&utm_medium=email&utm_campaign=winback"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://shop.example", f"https://shop.example?{SAID}"),
        ("https://shop.example/tea-p1?colour=green", f"https://shop.example/tea-p1?colour=green&{SAID}"),
        ("https://shop.example#!/~/cart", f"https://shop.example?{SAID}#!/~/cart"),
        ("https://shop.example/?utm_campaign=own", "https://shop.example/?utm_campaign=own"),
        ("mailto:hello@shop.example", "mailto:hello@shop.example"),
        ("", ""),
        ("https://[broken", "https://[broken"),
    ],
)
def test_a_link_says_its_campaign_once(address: str, shown: str) -> None:
    assert tracked(address, "winback") == shown
    assert tracked(shown, "winback") == shown
    assert tracked(address, "") == address


@given(st.text(), st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True))
def test_no_address_makes_it_fail(address: str, campaign: str) -> None:
    assert tracked(address, campaign).count("utm_source=tillroll") <= max(
        1, address.count("utm_source=tillroll")
    )
