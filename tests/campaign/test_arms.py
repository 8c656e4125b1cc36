"""The arm of a customer, by a keyed hash that can be reproduced."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.holdout import arm_of, is_held_back

KEY = b"a key"
_weights = st.lists(st.integers(1, 100), min_size=1, max_size=6)


def named(weights: list[int]) -> list[tuple[str, int]]:
    return [(f"arm{number}", weight) for number, weight in enumerate(weights)]


@given(_weights, st.integers(1, 2**50), st.binary(max_size=40))
def test_a_customer_is_always_in_the_same_arm(weights: list[int], customer_id: int, key: bytes) -> None:
    arms = named(weights)
    arm = arm_of(campaign="c", customer_id=customer_id, arms=arms, key=key)
    assert arm in dict(arms)
    assert arm == arm_of(campaign="c", customer_id=customer_id, arms=arms, key=key)


@given(st.integers(1, 2**50))
def test_arms_can_be_reproduced_with_the_key_as_documented(customer_id: int) -> None:
    drawn = hmac.digest(KEY, f"winback/{customer_id}/arm".encode(), hashlib.sha256)[:8]
    fraction = Decimal(int.from_bytes(drawn, "big")) / 2**64
    wanted = "a" if fraction < Decimal("0.25") else "b"
    arm = arm_of(campaign="winback", customer_id=customer_id, arms=[("a", 1), ("b", 3)], key=KEY)
    assert arm == wanted


@pytest.mark.parametrize("weights", [[1, 1], [1, 3], [2, 3, 5], [1, 99]])
def test_the_sizes_of_arms_follow_their_weights(weights: list[int]) -> None:
    people = 20_000
    arms = named(weights)
    sizes = Counter(
        arm_of(campaign="c", customer_id=customer_id, arms=arms, key=KEY)
        for customer_id in range(1, people + 1)
    )
    for name, weight in arms:
        share = weight / sum(weights)
        spread = (people * share * (1 - share)) ** 0.5
        assert abs(sizes[name] - people * share) < 4 * spread


def test_arms_are_independent_of_the_control_group_and_of_other_campaigns() -> None:
    arms, people = [("a", 1), ("b", 1)], range(1, 20_001)
    kept = {
        person
        for person in people
        if is_held_back(campaign="c", customer_id=person, share=Decimal("0.1"), key=KEY)
    }

    def first(campaign: str, key: bytes = KEY) -> set[int]:
        return {
            person
            for person in people
            if arm_of(campaign=campaign, customer_id=person, arms=arms, key=key) == "a"
        }

    here = first("c")
    assert abs(len(here & kept) - len(kept) / 2) < 4 * (len(kept) / 4) ** 0.5
    for other in (first("d"), first("c", b"another key")):
        assert abs(len(here & other) - 5_000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5


def test_without_variants_there_is_no_arm() -> None:
    assert arm_of(campaign="c", customer_id=1, arms=[], key=KEY) == ""
