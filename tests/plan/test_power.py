"""A plan with a control group says which change the comparison would show."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, add_customers, add_store, campaign_text, lapsed, sample_book
from tillroll.campaign.figures.power import smallest_seen
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import held_back, orders, runs
from tillroll.loop.notices.receipt import say_receipt
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book


def power_of(engine: Engine, *, buyers: int, holdout: str = "10%", people: int = 400) -> str:
    """Return what a plan for some lapsed customers says, in a store where `buyers` others have ordered lately."""
    text = campaign_text("winback").replace("holdout: 10%", f"holdout: {holdout}")
    store_id = add_store(engine)
    lately = range(10_000, 10_000 + buyers)
    add_customers(engine, store_id, *map(lapsed, range(1, people + 1)))
    add_customers(engine, store_id, *({"customer_id": number} for number in (9_999, *lately)))
    placed = {"total": Decimal(30), "payment_status": "PAID", "created_at": NOW - timedelta(days=1)}
    with writing(engine) as connection:
        for number in lately:
            order = {"store_id": store_id, "order_id": f"O{number}", "customer_id": number, "seen_at": NOW}
            connection.execute(sa.insert(orders).values(**order, **placed))
    record_book(engine, store_id=store_id, book=sample_book(winback=text), now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="winback", person=ANA.email, now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with reading(engine) as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    if plan.proposal.power:
        assert plan.proposal.power in list(say_receipt(plan, "UTC"))
    return plan.proposal.power


def test_the_sentence_has_the_figures_of_the_groups(ledger: Engine) -> None:
    sentence = power_of(ledger, buyers=44)
    with reading(ledger) as connection:
        plan_id = connection.scalars(sa.select(sa.func.max(runs.c.plan_id))).one()
        of_plan = sa.select(sa.func.count()).where(held_back.c.plan_id == plan_id)
        control = int(connection.scalar(of_plan) or 0)
    least = smallest_seen(share=44 / 445, treated=400 - control, control=control)
    assert f"about {least * 100:.1f} orders in 100 people or more" in sentence
    assert f"{400 - control} recipients beside {control} held back" in sentence
    assert "9.9% of the store's customers ordered within the last 21 days" in sentence


def test_what_cannot_be_said_is_left_out(ledger: Engine) -> None:
    assert power_of(ledger, buyers=0) == ""


def test_a_run_that_is_too_small_says_so(ledger: Engine) -> None:
    assert "too small to show what it changes" in power_of(ledger, buyers=20, people=30)


def test_without_a_control_group_nothing_is_said(ledger: Engine) -> None:
    assert power_of(ledger, buyers=40, holdout="0%") == ""
