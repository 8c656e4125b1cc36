from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.spread import Spread
from tillroll.campaign.figures.uptake import ASSUMED, EarlierRun, uptake

_RUNS = st.lists(
    st.builds(
        lambda codes, used: EarlierRun(given=codes, used=used), st.integers(1, 3_000), st.integers(0, 3_000)
    ),
    max_size=8,
)


@given(_RUNS, _RUNS)
def test_a_range_is_ordered_and_between_zero_and_one(own: list[EarlierRun], alike: list[EarlierRun]) -> None:
    estimate = uptake(own, alike)
    assert 0 <= estimate.low <= estimate.likely <= estimate.high <= 1
    assert estimate.basis


def test_a_campaigns_own_runs_come_before_those_of_others() -> None:
    own, others = [EarlierRun(given=100, used=10)], [EarlierRun(given=5_000, used=4_000)]
    assert uptake(own, others).likely == Decimal("0.1")
    assert "of this campaign" in uptake(own, others).basis
    assert uptake([EarlierRun(given=99, used=9)], others).likely == Decimal("0.8")
    assert "this kind of offer" in uptake([], others).basis


def test_too_little_history_is_replaced_by_an_assumption() -> None:
    assert uptake([], []) == ASSUMED
    few = uptake([EarlierRun(given=99, used=99)], [])
    assert (few.likely, few.basis) == (ASSUMED.likely, "assumed, since 99 earlier codes are too few")


def test_several_large_runs_give_their_worst_and_best() -> None:
    estimate = uptake([EarlierRun(given=200, used=used) for used in (4, 10, 16)], [])
    assert (estimate.low, estimate.likely, estimate.high) == (
        Decimal("0.02"),
        Decimal("0.05"),
        Decimal("0.08"),
    )


@given(st.lists(st.decimals(min_value="0.01", max_value="99999", places=2), min_size=1, max_size=200))
def test_quantiles_are_right_to_three_digits_in_constant_memory(values: list[Decimal]) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    for share in (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal(1)):
        quantile, exact = spread.quantile(share), sorted(values)[math.ceil(share * len(values)) - 1]
        assert quantile is not None
        assert quantile <= exact
        assert exact - quantile <= exact / 100


@pytest.mark.parametrize("weight", [1, 7])
def test_quantiles_without_values_and_of_zeros(weight: int) -> None:
    spread = Spread()
    assert spread.quantile(Decimal("0.5")) is None
    spread.add(Decimal(-3), weight)
    assert spread.quantile(Decimal("0.5")) == 0
