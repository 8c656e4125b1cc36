"""Who is in which arm: by a keyed hash that anybody can work out again."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.holdout import arm_of, held_back

KEY = b"a key"
_weights = st.lists(st.integers(1, 100), min_size=1, max_size=6)


def named(weights: list[int]) -> list[tuple[str, int]]:
    return [(f"arm{number}", weight) for number, weight in enumerate(weights)]


@given(_weights, st.integers(1, 2**50), st.binary(max_size=40))
def test_everybody_is_in_one_arm_the_same_every_time(
    weights: list[int], customer_id: int, key: bytes
) -> None:
    arms = named(weights)
    found = arm_of(campaign="c", customer_id=customer_id, arms=arms, key=key)
    assert found in dict(arms)
    assert found == arm_of(campaign="c", customer_id=customer_id, arms=arms, key=key)


@given(st.integers(1, 2**50))
def test_anybody_with_the_key_can_work_it_out_as_the_docstring_says(customer_id: int) -> None:
    drawn = hmac.digest(KEY, f"winback/{customer_id}/arm".encode(), hashlib.sha256)[:8]
    fraction = Decimal(int.from_bytes(drawn, "big")) / 2**64
    wanted = "a" if fraction < Decimal("0.25") else "b"
    found = arm_of(campaign="winback", customer_id=customer_id, arms=[("a", 1), ("b", 3)], key=KEY)
    assert found == wanted


@pytest.mark.parametrize("weights", [[1, 1], [1, 3], [2, 3, 5], [1, 99]])
def test_the_arms_are_as_large_as_their_weights(weights: list[int]) -> None:
    people = 20_000
    arms = named(weights)
    found = Counter(arm_of(campaign="c", customer_id=one, arms=arms, key=KEY) for one in range(1, people + 1))
    for name, weight in arms:
        share = weight / sum(weights)
        spread = (people * share * (1 - share)) ** 0.5
        assert abs(found[name] - people * share) < 4 * spread


def test_the_arms_have_nothing_to_do_with_who_is_kept_back_or_with_another_campaign() -> None:
    arms, people = [("a", 1), ("b", 1)], range(1, 20_001)
    kept = {one for one in people if held_back(campaign="c", customer_id=one, share=Decimal("0.1"), key=KEY)}

    def first(campaign: str, key: bytes = KEY) -> set[int]:
        return {
            one for one in people if arm_of(campaign=campaign, customer_id=one, arms=arms, key=key) == "a"
        }

    here = first("c")
    assert abs(len(here & kept) - len(kept) / 2) < 4 * (len(kept) / 4) ** 0.5
    for other in (first("d"), first("c", b"another key")):
        assert abs(len(here & other) - 5_000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5


def test_where_nothing_is_compared_there_is_no_arm() -> None:
    assert arm_of(campaign="c", customer_id=1, arms=[], key=KEY) == ""
