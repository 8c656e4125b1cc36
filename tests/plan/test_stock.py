"""`stops: {stock_below}`: products with too little stock stop the planning and sending of a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import add_product, book_of, campaign, person, shop_with
from tests.shop import ANA, NOW, run_row
from tests.web.site import put_under_way
from tillroll.approve.act import approve
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import audit, looks, messages, products, runs, variations
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.goods.stock import stop_runs_short_of_stock
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

OFFER = """offer: {kind: percent, value: 10, applies_to: {products: [TEA-5, TEA-6]}, valid: {for: 7d}}
message: {template: note, subject: Hello}
stops: {stock_below: 5}
"""
TEXT = campaign("customer_created", OFFER, who="who: {segment: newcomers}").replace(
    "when: {on: customer_created}", "when: {manual: true}"
)


def shop(engine: Engine, text: str = TEXT, **stock: Any) -> int:
    """Set up a store with two teas that a campaign names, start a run by hand and return its number."""
    store_id = shop_with(engine, person(1), person(2), person(3), tea=text)
    add_product(engine, store_id, 5, **{"quantity": 5, **stock})
    add_product(engine, store_id, 6, quantity=None)
    with writing(engine) as connection:
        row = {"store_id": store_id, "area": "products", "looked_at": NOW, "whole_at": NOW}
        connection.execute(sa.insert(looks).values(row))
    return start_by_hand(engine, store_id=store_id, name="tea", person=ANA.email, now=NOW)


def plan(engine: Engine, run_id: int) -> RunState:
    return make_plan(engine, run_id=run_id, now=NOW, per_minute=600)


def sell(engine: Engine, **values: Any) -> None:
    """Change the first tea's stock in the mirror."""
    with writing(engine) as connection:
        connection.execute(sa.update(products).where(products.c.product_id == 5).values(values))


def stopped(engine: Engine) -> int:
    count = stop_runs_short_of_stock(engine, store_id=1, now=NOW)
    assert stop_runs_short_of_stock(engine, store_id=1, now=NOW) == 0, "a second check stops no more runs"
    return count


@pytest.mark.parametrize(
    ("stock", "state"),
    [
        ({"quantity": 5}, RunState.WAITING),
        ({"quantity": None}, RunState.WAITING),
        ({"quantity": 4}, RunState.REFUSED),
        ({"quantity": None, "in_stock": False}, RunState.REFUSED),
    ],
)
def test_a_run_is_planned_while_there_is_enough(
    ledger: Engine, stock: dict[str, Any], state: RunState
) -> None:
    run_id = shop(ledger, **stock)
    assert plan(ledger, run_id) is state
    if state is RunState.REFUSED:
        assert run_row(ledger, run_id).reason.startswith("stops at fewer than 5 pieces: Sencha 5 (")


def test_a_plan_without_stops_says_nothing_of_stock(ledger: Engine) -> None:
    run_id = shop(ledger, TEXT.replace("stops: {stock_below: 5}\n", ""), quantity=1)
    assert plan(ledger, run_id) is RunState.WAITING
    sell(ledger, quantity=0)
    assert stopped(ledger) == 0
    with ledger.connect() as connection:
        stored = load_plan(connection, run_id)
    assert stored is not None
    assert "stock_below" not in {verdict.rule for verdict in stored.proposal.verdicts}


@pytest.mark.parametrize("approved", [False, True])
def test_a_run_that_has_not_begun_is_planned_again_and_refused(ledger: Engine, approved: bool) -> None:
    run_id = shop(ledger)
    plan(ledger, run_id)
    if approved:
        with ledger.connect() as connection:
            stored = load_plan(connection, run_id)
        assert stored is not None
        approve(ledger, run_id=run_id, digest=stored.digest, person=ANA, note="", now=NOW)
    assert stopped(ledger) == 0
    sell(ledger, quantity=4)
    assert stopped(ledger) == 1
    row = run_row(ledger, run_id)
    assert (row.state, row.plan_id) == (RunState.PLANNING, None)
    assert row.reason == "stops at fewer than 5 pieces: Sencha 5 (4 left)"
    assert plan(ledger, run_id) is RunState.REFUSED
    with ledger.connect() as connection:
        assert "plan.sent_back" in set(connection.scalars(sa.select(audit.c.action)))


def test_a_sending_run_is_halted_and_its_unsent_messages_are_held(ledger: Engine) -> None:
    run_id = shop(ledger)
    plan(ledger, run_id)
    put_under_way(
        ledger, run_id, RunState.SENDING, live=3, message_states=[("sent", ""), ("ready", ""), ("ready", "")]
    )
    sell(ledger, quantity=0, in_stock=False)
    assert stopped(ledger) == 1
    assert run_row(ledger, run_id).state == RunState.HALTED
    with ledger.connect() as connection:
        rows = connection.execute(
            sa.select(messages.c.state, messages.c.reason).order_by(messages.c.id)
        ).all()
    assert [message.state for message in rows] == [MessageState.SENT, MessageState.HELD, MessageState.HELD]
    assert rows[1].reason == "stops at fewer than 5 pieces: Sencha 5 (0 left)"


def test_reminders_wait_for_stock(ledger: Engine) -> None:
    run_id = shop(ledger)
    plan(ledger, run_id)
    put_under_way(ledger, run_id, RunState.TRACKING, live=3)
    sell(ledger, quantity=1)
    assert stopped(ledger) == 1
    row = run_row(ledger, run_id)
    assert (row.state, row.not_before) == (RunState.TRACKING, NOW + timedelta(hours=1))
    assert row.reason.startswith("its reminders wait: ")


def test_the_stock_of_a_named_variation_is_counted_separately(ledger: Engine) -> None:
    run_id = shop(ledger, TEXT.replace("TEA-5", "TEA-5-BIG"), quantity=2)
    with writing(ledger) as connection:
        connection.execute(
            sa.insert(variations).values(
                store_id=1,
                product_id=5,
                variation_id=51,
                sku="TEA-5-BIG",
                quantity=9,
                in_stock=True,
                options={},
                seen_at=NOW,
            )
        )
    assert plan(ledger, run_id) is RunState.WAITING
    with writing(ledger) as connection:
        connection.execute(sa.update(variations).values(quantity=4))
    assert stopped(ledger) == 1


def test_edited_files_change_nothing_for_a_run_that_has_begun(ledger: Engine) -> None:
    run_id = shop(ledger)
    plan(ledger, run_id)
    put_under_way(ledger, run_id, RunState.SENDING, live=3)
    text = TEXT.replace("stock_below: 5", "stock_below: 1")
    record_book(ledger, store_id=1, book=book_of(tea=text), now=NOW)
    sell(ledger, quantity=3)
    assert stopped(ledger) == 1
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(runs.c.state)) == RunState.HALTED
