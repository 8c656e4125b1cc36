"""The arms and values that a plan freezes for each customer, and how it describes them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import NO_LIMITS, book_of
from tests.plan.shelf import CUP, POT, TEA, add_catalogue, change
from tests.send.room import CAMPAIGN, agreed, planned
from tests.shop import NOW, add_customers, add_store, lapsed, run_row
from tillroll.campaign.figures.holdout import arm_of
from tillroll.campaign.frozen.proposal import Goods, Proposal
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan, recount_plan
from tillroll.ledger.tables import plans, products, recipients
from tillroll.mint.coupon import load_pattern
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.freeze import split_key
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

TWO = """variants:
  - {name: ten, weight: 3}
  - {name: twenty, weight: 1, offer: {value: 20}}
"""
LATER = {"codes", "arms", "values", "step", "happened", "facts", "goods"}


def body_of(engine: Engine, run_id: int) -> dict[str, Any]:
    with engine.connect() as connection:
        query = sa.select(plans.c.body).where(plans.c.run_id == run_id)
        body: dict[str, Any] = connection.scalars(query).one()
    return body


def proposal_of(engine: Engine, run_id: int) -> Proposal:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan.proposal


def rows_of(engine: Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(recipients).order_by(recipients.c.customer_id)))


def test_a_simple_plan_has_none_of_the_later_fields(ledger: Engine) -> None:
    _, run_id = planned(ledger)
    assert not LATER & body_of(ledger, run_id).keys()
    assert proposal_of(ledger, run_id).code_count == 8


def test_the_arm_of_each_recipient_is_frozen_and_can_be_recomputed(ledger: Engine) -> None:
    _, run_id = planned(ledger, CAMPAIGN + TWO, people=60)
    arm_by_customer = {row.customer_id: row.arm for row in rows_of(ledger)}
    arms = [("ten", 3), ("twenty", 1)]
    assert arm_by_customer == {
        number: arm_of(campaign="hello", customer_id=number, arms=arms, key=split_key(1003))
        for number in arm_by_customer
    }
    proposal = proposal_of(ledger, run_id)
    assert {arm.name: arm.count for arm in proposal.arms} == Counter(arm_by_customer.values())
    assert proposal.offer == "10% off, single use, or 20% off, single use"
    assert Proposal.from_json(proposal.to_json()) == proposal


@pytest.mark.parametrize("change_to", [{"arm": "twenty"}, {"value": Decimal(99)}])
def test_a_changed_arm_or_value_of_a_recipient_changes_the_digest(
    ledger: Engine, change_to: dict[str, Any]
) -> None:
    formula = CAMPAIGN.replace("value: 10", "value: {formula: orders, at_most: 20}")
    _, run_id = planned(ledger, formula + TWO.replace(", offer: {value: 20}", ""), people=20)
    with writing(ledger) as connection:
        first = connection.scalar(sa.select(sa.func.min(recipients.c.id)).where(recipients.c.arm == "ten"))
        connection.execute(sa.update(recipients).where(recipients.c.id == first).values(change_to))
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        assert not recount_plan(ledger, run_id).is_unchanged


def test_the_worst_case_is_the_sum_over_the_arms(ledger: Engine) -> None:
    rails = NO_LIMITS + "largest_basket: 100\n"
    book = book_of(rails, hello=CAMPAIGN + TWO)
    _, run_id = planned(ledger, people=40, book=book)
    proposal = proposal_of(ledger, run_id)
    counts = {arm.name: arm.count for arm in proposal.arms}
    assert proposal.exposure.worst_case == 10 * counts["ten"] + 20 * counts["twenty"]


@pytest.mark.parametrize(
    ("rails", "arm", "reason"),
    [
        ("largest_percent: 15\n", "{value: 20}", "20% off exceeds the 15% allowed"),
        ("largest_amount: 4\n", "{kind: amount, value: 5}", "5 off exceeds the 4 allowed"),
    ],
)
def test_an_arm_that_exceeds_a_guardrail_refuses_the_whole_run(
    ledger: Engine, rails: str, arm: str, reason: str
) -> None:
    _, run_id = planned(ledger, book=book_of(rails, hello=CAMPAIGN + TWO.replace("{value: 20}", arm)))
    run = run_row(ledger, run_id)
    assert (run.state, run.reason) == (RunState.REFUSED, reason)


def on_goods(engine: Engine) -> int:
    """Plan a run whose two arms are on different products and return its id."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *(lapsed(number) for number in range(1, 21)))
    add_catalogue(engine, store_id)
    text = CAMPAIGN.replace("value: 10,", "value: 10, applies_to: {products: [TEA-01]},") + TWO.replace(
        "{value: 20}", "{value: 20, applies_to: {products: [POT-01, CUP-01]}}"
    )
    record_book(engine, store_id=store_id, book=book_of(hello=text), now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    return run_id


def test_the_products_of_an_arm_are_frozen_and_limit_only_its_own_coupons(ledger: Engine) -> None:
    run_id = on_goods(ledger)
    proposal = proposal_of(ledger, run_id)
    assert Proposal.from_json(proposal.to_json()) == proposal
    assert [arm.offer.split(" off ")[1] for arm in proposal.arms] == [
        "Sencha, single use",
        "Pot and Cup, single use",
    ]
    assert agreed(ledger, run_id) is RunState.MINTING
    with ledger.connect() as connection:
        arms = load_pattern(connection, run_row(ledger, run_id)).arms
    assert {name: arms[name].products for name in ("ten", "twenty")} == {"ten": (TEA,), "twenty": (POT, CUP)}


def test_a_deleted_product_of_an_arm_sends_the_run_back_to_planning(ledger: Engine) -> None:
    run_id = on_goods(ledger)
    change(ledger, products, products.c.product_id == CUP)
    assert agreed(ledger, run_id) is RunState.PLANNING
    assert run_row(ledger, run_id).reason == "no longer in the store: Cup"


def test_arms_may_have_different_validity_periods(ledger: Engine) -> None:
    text = CAMPAIGN + TWO.replace("{value: 20}", "{value: 20, valid: {for: 3d}}")
    _, run_id = planned(ledger, text, people=20)
    assert "ten: 14 days from" in proposal_of(ledger, run_id).valid
    assert "twenty: 3 days from" in proposal_of(ledger, run_id).valid
    agreed(ledger, run_id)
    run = run_row(ledger, run_id)
    assert (run.valid_until - run.valid_from) > timedelta(days=14)


OWN = CAMPAIGN.replace(
    "kind: percent, value: 10",
    "kind: amount, value: {table: {by: average_order, rows: [{from: 20, value: 2}, {from: 50, value: 7}]}}",
)


def test_each_value_is_frozen_and_customers_below_the_table_are_excluded(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(
        ledger,
        store_id,
        lapsed(1, spent=Decimal(30)),  # 10 per order: no code
        lapsed(2, spent=Decimal(60)),
        lapsed(3, spent=Decimal("149.99")),
        lapsed(4, spent=Decimal(150)),
    )
    record_book(ledger, store_id=store_id, book=book_of(hello=OWN), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600) is RunState.WAITING
    assert {row.customer_id: row.value for row in rows_of(ledger)} == {2: 2, 3: 2, 4: 7}
    proposal = proposal_of(ledger, run_id)
    assert proposal.audience.excluded == {"too little for a code": 1}
    assert proposal.exposure.worst_case == 11
    assert proposal.values is not None
    assert (proposal.values.least, proposal.values.mean, proposal.values.most) == (2, Decimal("3.67"), 7)
    assert Proposal.from_json(proposal.to_json()) == proposal


def test_a_run_ends_with_the_reason_when_all_customers_are_below_the_table(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, lapsed(1, spent=Decimal(3)))
    record_book(ledger, store_id=store_id, book=book_of(hello=OWN), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    assert make_plan(ledger, run_id=run_id, now=NOW, per_minute=600) is RunState.DONE
    assert run_row(ledger, run_id).reason == "too little for a code"


def test_empty_goods_store_no_arms() -> None:
    assert Goods().to_json() == {"products": (), "categories": ()}
