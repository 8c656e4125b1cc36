"""What a plan says of a percentage of at most an amount: who gets what, its worst case, guardrails and margin."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.flows.events import add_cart, all_runs, campaign, person, shop_with
from tests.plan.shelf import TEA
from tests.plan.test_guardrails import CAMPAIGN, book_of, one_product, plan_of, priced
from tests.shop import NOW, add_customers, add_store, lapsed
from tillroll.campaign.frozen.proposal import Proposal, VerdictLevel
from tillroll.campaign.language.models import Offer
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import recipients
from tillroll.plan.goods.margin import below_margin
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

__all__ = ["one_product"]  # a fixture

CAPPED = CAMPAIGN.replace("value: 10", "value: 15, at_most: 30").replace(
    "subject: Hello", "subject: '{{ offer.text }}'"
)


def planned(engine: Engine, text: str = CAPPED, rails: str = "") -> tuple[Proposal, list[Decimal]]:
    """Plan a run for customers whose average orders are 20, 40, … 400, and one without. Returns the values by customer."""
    store_id = add_store(engine)
    rows = [lapsed(number, orders=2, spent=Decimal(40 * number)) for number in range(1, 21)]
    add_customers(engine, store_id, *rows)
    record_book(engine, store_id=store_id, book=book_of(text, rails=rails), now=NOW)
    proposal = plan_of(engine, store_id, FakeClock()).proposal
    with reading(engine) as connection:
        query = sa.select(recipients.c.value).order_by(recipients.c.customer_id)
        return proposal, list(connection.scalars(query))


def test_the_plan_says_what_the_till_does_and_who_gets_what(ledger: Engine) -> None:
    proposal, values = planned(ledger)
    assert values == [min(Decimal(3 * number), Decimal(30)) for number in range(1, 21)]
    assert proposal.exposure.worst_case == sum(values)
    assert proposal.offer == "15% off (at most €30), single use"
    assert proposal.cap == (
        "The store can't cap a percentage, so each code takes an amount off, on orders from a minimum: 15% of the customer's "
        "average order, rounded down, at most €30. No order gets more than €30 off, nor more than 15%. 11 recipients get €30 off "
        "orders of €200 or more; 9 recipients get €3 to €27 off orders of €20 to €180 or more."
    )
    assert Proposal.from_json(proposal.to_json()).digest == proposal.digest


def test_the_plan_of_a_plain_percentage_says_nothing_of_it(ledger: Engine) -> None:
    proposal, _ = planned(ledger, CAMPAIGN)
    assert proposal.cap == ""
    assert "cap" not in proposal.to_json()


@pytest.mark.parametrize(
    ("rails", "rule", "level"),
    [
        ("largest_percent: 14", "largest_percent", VerdictLevel.REFUSE),
        ("largest_percent: 15", "largest_percent", VerdictLevel.PASS),
        ("largest_amount: 29", "largest_amount", VerdictLevel.REFUSE),
        ("largest_amount: 30", "largest_amount", VerdictLevel.PASS),
        ("lowest_basket: 10", "lowest_basket", VerdictLevel.REFUSE),
        ("worst_case_per_run: 464", "worst_case_per_run", VerdictLevel.REFUSE),
        ("worst_case_per_run: 465", "worst_case_per_run", VerdictLevel.PASS),
    ],
)
def test_guardrails_hold_both_limits_of_it(
    ledger: Engine, rails: str, rule: str, level: VerdictLevel
) -> None:
    proposal, _ = planned(ledger, rails=rails)
    assert next(each for each in proposal.verdicts if each.rule == rule).level is level


def test_each_arm_has_its_own_cap(ledger: Engine) -> None:
    arms = "variants:\n  - {name: a}\n  - {name: b, offer: {at_most: 20}}\n  - {name: c, offer: {kind: amount, value: 5}}\n"
    proposal, _ = planned(ledger, CAPPED + arms)
    assert "Arm a: The store can't cap a percentage" in proposal.cap
    assert "Arm b: The store can't cap a percentage" in proposal.cap
    assert "Arm c" not in proposal.cap
    offers = {arm.name: arm.offer for arm in proposal.arms}
    assert offers == {
        "a": "15% off (at most €30), single use",
        "b": "15% off (at most €20), single use",
        "c": "€5 off, single use",
    }


def test_the_cart_of_the_event_counts_before_the_average_order(ledger: Engine) -> None:
    offer = "offer: {kind: percent, value: 15, at_most: 30, valid: {for: 7d}}\n"
    text = campaign("cart_abandoned", f"{offer}message: {{template: note, subject: '{{{{ offer.text }}}}'}}")
    store_id = shop_with(ledger, person(1, orders=2, spent=Decimal(800)), cart=text)
    add_cart(ledger, store_id, "c1", total=Decimal("89.90"))  # with shipping
    enroll(ledger, store_id=store_id, now=NOW)
    take_steps(ledger, store_id=store_id, now=NOW + timedelta(hours=3))
    (run,) = all_runs(ledger)
    make_plan(ledger, run_id=run.id, now=NOW + timedelta(hours=3), per_minute=600)
    with reading(ledger) as connection:
        plan = load_plan(connection, run.id)
        value = connection.scalar(sa.select(recipients.c.value))
    assert plan is not None
    assert value == 12
    assert "15% of what is in the customer's cart" in plan.proposal.cap
    assert "1 recipient gets €12 off orders of €80 or more" in plan.proposal.cap


_CENTS = st.integers(1, 200_000).map(lambda cents: Decimal(cents) / 100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=_CENTS, cost=_CENTS, margin=st.integers(0, 99), value=st.integers(1, 99), cap=st.integers(1, 300)
)
def test_the_margin_counts_the_lower_of_percentage_and_cap(
    one_product: Engine, price: Decimal, cost: Decimal, margin: int, value: int, cap: int
) -> None:
    offer = Offer.model_validate({"kind": "percent", "value": value, "at_most": cap, "valid": {"for": "1d"}})
    priced(one_product, TEA, price=str(price), cost=str(cost))
    with one_product.connect() as connection:
        result = below_margin(connection, store_id=1, offer=offer, goods=None, margin=Decimal(margin))
    left = price - min(price * value / 100, Decimal(cap))
    assert bool(result.count) is (left * (100 - margin) / 100 < cost)
