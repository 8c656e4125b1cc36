from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.spread import Spread
from tillroll.campaign.figures.uptake import ASSUMED, Earlier, uptake

_RUNS = st.lists(
    st.builds(
        lambda codes, used: Earlier(given=codes, used=used), st.integers(1, 3_000), st.integers(0, 3_000)
    ),
    max_size=8,
)


@given(_RUNS, _RUNS)
def test_a_range_is_in_order_and_within_all_and_nothing(own: list[Earlier], alike: list[Earlier]) -> None:
    found = uptake(own, alike)
    assert 0 <= found.low <= found.likely <= found.high <= 1
    assert found.basis


def test_a_campaign_s_own_runs_are_believed_before_those_of_others() -> None:
    own, others = [Earlier(given=100, used=10)], [Earlier(given=5_000, used=4_000)]
    assert uptake(own, others).likely == Decimal("0.1")
    assert "of this campaign" in uptake(own, others).basis
    assert uptake([Earlier(given=99, used=9)], others).likely == Decimal("0.8")
    assert "this kind of offer" in uptake([], others).basis


def test_too_little_history_is_no_history_and_says_so() -> None:
    assert uptake([], []) == ASSUMED
    few = uptake([Earlier(given=99, used=99)], [])
    assert (few.likely, few.basis) == (ASSUMED.likely, "assumed, since 99 earlier codes tell too little")


def test_several_runs_of_a_size_give_their_worst_and_their_best() -> None:
    found = uptake([Earlier(given=200, used=used) for used in (4, 10, 16)], [])
    assert (found.low, found.likely, found.high) == (Decimal("0.02"), Decimal("0.05"), Decimal("0.08"))


@given(st.lists(st.decimals(min_value="0.01", max_value="99999", places=2), min_size=1, max_size=200))
def test_a_spread_tells_quarters_to_three_digits_in_flat_memory(values: list[Decimal]) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    for share in (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal(1)):
        found, exact = spread.ends(share), sorted(values)[math.ceil(share * len(values)) - 1]
        assert found is not None
        assert found <= exact
        assert exact - found <= exact / 100


@pytest.mark.parametrize("weight", [1, 7])
def test_no_values_have_no_spread_and_nothing_spent_is_zero(weight: int) -> None:
    spread = Spread()
    assert spread.ends(Decimal("0.5")) is None
    spread.add(Decimal(-3), weight)
    assert spread.ends(Decimal("0.5")) == 0
