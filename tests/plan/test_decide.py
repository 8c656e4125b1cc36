from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.effort import calls_for, minutes_for
from tillroll.campaign.figures.uptake import ASSUMED, EarlierRun, uptake
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Offer
from tillroll.plan.decide import (
    Baskets,
    Figures,
    WorstCase,
    add_costs,
    bound_by_ceiling,
    expected_cost,
    worst_case,
)


def offer(**values: Any) -> Offer:
    return Offer.model_validate({"kind": "percent", "value": 10, "valid": {"for": "14d"}, **values})


def orders_of(average: Decimal | int, low: int | None = None, high: int | None = None) -> Baskets:
    middle = Decimal(average)
    low_, high_ = (middle if bound is None else Decimal(bound) for bound in (low, high))
    return Baskets(low=low_, average=middle, high=high_, of_audience=True)


def figures(**values: Any) -> Figures:
    plain = {
        "codes": 100,
        "largest_average_order": Decimal(0),
        "currency": "EUR",
        "baskets": orders_of(40),
        "uptake": ASSUMED,
    }
    filled = {**plain, **values}
    return Figures(**{"values": Decimal(10) * filled["codes"], **filled})


def test_the_worst_case_of_a_percentage_uses_the_largest_basket() -> None:
    rails = Guardrails.model_validate({"largest_basket": 200})
    assert worst_case(offer(), rails, figures()).amount == Decimal("2000.00")


def test_an_audience_with_larger_baskets_raises_the_worst_case() -> None:
    rails = Guardrails.model_validate({"largest_basket": 200})
    assert worst_case(offer(), rails, figures(largest_average_order=Decimal(300))).amount == Decimal(
        "3000.00"
    )


def test_free_shipping_costs_postage() -> None:
    rails = Guardrails.model_validate({"largest_shipping": 8})
    free = offer(kind="free_shipping", value=None)
    assert worst_case(free, rails, figures()).amount == Decimal("800.00")


def test_the_worst_case_of_a_multiple_use_code_is_bounded_by_the_budget_that_pauses_it() -> None:
    unlimited = worst_case(offer(uses="once_per_customer"), Guardrails(), figures())
    bounded = bound_by_ceiling(unlimited, Decimal(500), "EUR")
    assert (unlimited.amount, bounded.amount) == (None, 500)
    assert bounded.basis.startswith("budget.discount: once orders have taken €500.00 off")
    single = worst_case(offer(), Guardrails(), figures())
    assert bound_by_ceiling(single, Decimal(1), "EUR") == single
    assert bound_by_ceiling(unlimited, None, "EUR") == unlimited


def test_the_worst_case_of_a_multiple_use_code_is_unlimited() -> None:
    assert worst_case(offer(uses="unlimited"), Guardrails(), figures()).amount is None


@given(
    st.sampled_from(["percent", "amount", "percent_and_shipping", "amount_and_shipping"]),
    st.decimals(min_value=1, max_value=100, places=2),
    st.integers(1, 10_000),
    st.decimals(min_value=0, max_value=400, places=2),
)
def test_the_expected_cost_never_exceeds_the_worst_case(
    kind: str, value: Decimal, codes: int, average: Decimal
) -> None:
    rails = Guardrails.model_validate({"largest_basket": 400})
    given_figures = figures(
        codes=codes, values=value * codes, baskets=orders_of(average), largest_average_order=average
    )
    worst, likely = (
        worst_case(offer(kind=kind, value=value), rails, given_figures),
        expected_cost(offer(kind=kind, value=value), rails, given_figures),
    )
    assert worst.amount is not None
    assert likely.low is not None
    assert likely.likely is not None
    assert likely.high is not None
    assert likely.low <= likely.likely <= likely.high <= worst.amount


def test_values_that_differ_are_added_up_over_the_recipients() -> None:
    rails = Guardrails.model_validate({"largest_basket": 200})
    formula = offer(value={"formula": "orders", "at_most": 30})
    cost = worst_case(formula, rails, figures(codes=4, values=Decimal(50)))
    assert cost.amount == Decimal("100.00")  # 50 percentage points in total, of baskets of 200
    assert "on average 12.5%" in cost.basis


def test_an_email_without_a_code_costs_nothing() -> None:
    assert worst_case(None, Guardrails(), figures()).amount == 0
    assert expected_cost(None, Guardrails(), figures()).likely == 0


def test_the_cost_of_all_arms_is_the_sum_of_their_costs() -> None:
    costs = [WorstCase(amount=Decimal(5), basis="a"), WorstCase(amount=Decimal(7), basis="b")]
    assert add_costs(costs) == WorstCase(amount=Decimal(12), basis="a; b")
    assert add_costs([*costs, WorstCase(amount=None, basis="no bound")]).amount is None


def test_the_expected_cost_is_unknown_without_orders() -> None:
    assert expected_cost(offer(), Guardrails(), figures(baskets=None)).likely is None


def test_the_uptake_is_estimated_from_earlier_runs() -> None:
    used = uptake([EarlierRun(given=200, used=50)], [])
    likely = expected_cost(offer(), Guardrails(), figures(uptake=used))
    assert likely.likely == Decimal("100.00")  # 100 codes, a quarter used, 10% of 40
    assert likely.range_basis == (
        "20% to 30% of codes used (as 50 of 200 earlier codes of this campaign, within a 90% interval), "
        "on orders of €40.00 (of this audience)"
    )


def test_the_range_extends_from_few_codes_on_small_orders_to_many_codes_on_large_orders() -> None:
    runs = [EarlierRun(given=100, used=used) for used in (2, 4, 9)]
    likely = expected_cost(
        offer(), Guardrails(), figures(baskets=orders_of(40, 20, 70), uptake=uptake(runs, []))
    )
    assert (likely.low, likely.likely, likely.high) == (Decimal("4.00"), Decimal("20.00"), Decimal("63.00"))
    assert "from the worst to the best), on the middle half of orders, €20.00 to €70.00" in likely.range_basis


def test_without_a_history_the_range_says_that_it_is_assumed() -> None:
    store = Baskets(low=Decimal(40), average=Decimal(40), high=Decimal(40), of_audience=False)
    likely = expected_cost(offer(), Guardrails(), figures(baskets=store))
    assert (likely.low, likely.likely, likely.high) == (Decimal("4.00"), Decimal("20.00"), Decimal("60.00"))
    assert "assumed, since no earlier run has ended" in likely.range_basis
    assert "of the store, since nobody here has ordered yet" in likely.range_basis


@pytest.mark.parametrize(
    ("codes", "calls"), [(0, 0), (1, 1), (5, 5), (6, 3), (500, 3), (501, 5), (20_000, 100)]
)
def test_calls_are_counted_by_the_chunk(codes: int, calls: int) -> None:
    assert calls_for(codes) == calls


def test_minutes_are_rounded_up() -> None:
    assert minutes_for(601, 600) == 1.1
