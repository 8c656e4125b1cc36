"""A person whom the store knows as several customers enters a flow once, and leaves it by an order of any of them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import add_order, campaign, person, shop_with
from tests.shop import NOW
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import entries

ANA = ("Ana@mail.example", "ana@mail.example")
THANKS = campaign("order_placed").replace("order_placed}", "order_placed, again: {after: 30d}}")


def entered(engine: Engine) -> list[tuple[int | None, str, str]]:
    with reading(engine) as connection:
        query = sa.select(entries.c.customer_id, entries.c.state, entries.c.reason).order_by(entries.c.id)
        return [tuple(row) for row in connection.execute(query)]


def test_again_counts_all_customers_of_a_person(ledger: Engine) -> None:
    people = [person(number, email=email) for number, email in enumerate(ANA, start=1)]
    store_id = shop_with(ledger, *people, person(3), thanks=THANKS)
    for number in (1, 2, 3):
        add_order(
            ledger, store_id, f"A{number}", customer_id=number, created_at=NOW - timedelta(hours=9 - number)
        )
    assert enroll(ledger, store_id=store_id, now=NOW) == 2
    assert [customer_id for customer_id, _, _ in entered(ledger)] == [1, 3]
    add_order(
        ledger,
        store_id,
        "B1",
        customer_id=2,
        created_at=NOW + timedelta(days=5),
        seen_at=NOW + timedelta(days=5),
    )
    assert enroll(ledger, store_id=store_id, now=NOW + timedelta(days=5)) == 0
    add_order(
        ledger,
        store_id,
        "B2",
        customer_id=2,
        created_at=NOW + timedelta(days=31),
        seen_at=NOW + timedelta(days=31),
    )
    assert enroll(ledger, store_id=store_id, now=NOW + timedelta(days=31)) == 1


def test_an_order_as_another_customer_ends_the_flow(ledger: Engine) -> None:
    people = [person(number, email=email) for number, email in enumerate(ANA, start=1)]
    flow = campaign(
        "order_placed",
        "unless: [ordered]\nsteps:\n  - wait: 2d\n    message: {template: note, subject: Hello}",
    )
    store_id = shop_with(ledger, *people, flow=flow)
    add_order(ledger, store_id, "A1", customer_id=1, created_at=NOW - timedelta(hours=2))
    assert enroll(ledger, store_id=store_id, now=NOW) == 1
    add_order(ledger, store_id, "A2", customer_id=2, created_at=NOW + timedelta(hours=1))
    assert take_steps(ledger, store_id=store_id, now=NOW + timedelta(days=2)) == 0
    assert ("left", "they ordered") in {(state, reason) for _, state, reason in entered(ledger)}
