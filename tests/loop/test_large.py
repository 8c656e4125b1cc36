"""What is large goes a slice at a time, a long list of the store as well as a plan: the lane does everything else in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.journeys.steps import NO_LIMITS, book_of, write_down
from tests.shop import ANA, add_customers, lapsed, run_row
from tests.store import running
from tests.track.test_mirror import call
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import campaigns, customers, readings, stores
from tillroll.loop.advance import Lane, advance
from tillroll.plan.chosen import PIECE as PLANNED
from tillroll.plan.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import load_store
from tillroll.track.intake import Event, take_in
from tillroll.track.mirror import CUSTOMERS
from tillroll.track.readings import PIECE
from tillroll.track.sync import sync
from tillroll.wiring import Services

MANY = 6 * PIECE + 200
FOR_ALL = """title: For all
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: regulars}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""
WELCOME = """title: Welcome
owner: ana@shop.example
status: active
when: {on: customer_created}
who: {exclude: [couponed-last-30-days]}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: welcome, subject: Hello}
approval: {by: 1, expires: 48h, auto_when: {codes: 5, worst_case: 100000}}
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", customers=MANY, batch_pause=0.0) as store:
        yield store


def look(lane: Lane) -> None:
    advance(lane, until=lane.services.clock.now() + timedelta(seconds=5))


def place(services: Services) -> dict[str, Any] | None:
    """Where the reading of the customers is; None: none is under way."""
    with services.engine.connect() as connection:
        found: dict[str, Any] | None = connection.scalar(
            sa.select(readings.c.place).where(readings.c.area == "customers")
        )
    return found


def known_at(services: Services) -> Any:
    with services.engine.connect() as connection:
        return connection.scalar(sa.select(stores.c.customers_at))


def inbox(services: Services) -> list[str]:
    path = services.settings.outbox / "messages.jsonl"
    return [json.loads(line)["to"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_welcome_code_is_planned_made_and_sent_while_the_customers_are_being_read(
    lane: Lane, services: Services, sandbox: Sandbox, client: Client
) -> None:
    write_down(lane, book_of(NO_LIMITS, for_all=FOR_ALL, welcome=WELCOME))
    large = begin(services)
    lane.turn = timedelta(0)  # a piece at a time
    look(lane)
    reason = run_row(services.engine, large).reason  # pages that are in the mirror whole
    assert reason == f"the store's customers are being read: {PIECE - 4} of {MANY:,}"
    somebody_new(services, client)
    while not inbox(services):
        assert place(services), "the customers were read before the welcome code left"
        lane.noticed_at = None
        look(lane)
    assert inbox(services) == ["nova@example.com"]
    assert known_at(services) is None
    assert run_row(services.engine, large).state == RunState.PLANNING
    while run_row(services.engine, large).state == RunState.PLANNING:
        look(lane)
    assert run_row(services.engine, large).state == RunState.WAITING
    assert place(services) is None
    equal_customers(services, sandbox)


def begin(services: Services) -> int:
    """A run for all of them."""
    now = services.clock.now()
    with writing(services.engine) as connection:  # the store's moments are whole seconds
        connection.execute(sa.update(campaigns).values(first_seen_at=now - timedelta(minutes=1)))
    return start_by_hand(services.engine, store_id=1, name="for-all", person="ana", now=now)


def somebody_new(services: Services, client: Client) -> None:
    """A new customer of the store, and its webhook."""
    now = services.clock.now()
    new = call(client, "POST", "/customers", {"email": "nova@example.com", "acceptMarketing": True})
    event = Event(
        event_id="e1", ecwid_id=1003, kind="customer.created", entity=str(new["id"]), data={}, happened_at=now
    )
    take_in(services.engine, event, now=now)


def equal_customers(services: Services, sandbox: Sandbox) -> None:
    theirs = {number for (number,) in sandbox.store.state.rows("select id from customers")}
    with services.engine.connect() as connection:
        assert set(connection.scalars(sa.select(customers.c.customer_id))) == theirs


def test_a_welcome_code_is_planned_made_and_sent_while_all_customers_are_being_planned(
    lane: Lane, services: Services, client: Client
) -> None:
    write_down(lane, book_of(NO_LIMITS + "codes_per_run: 100000\n", for_all=FOR_ALL, welcome=WELCOME))
    look(lane)
    people = range(1_000_000, 1_000_000 + 4 * PLANNED)
    regular = {"orders": 5, "last_order_at": services.clock.now() - timedelta(days=5)}
    add_customers(services.engine, 1, *(lapsed(number, **regular) for number in people))
    large = begin(services)
    lane.turn = timedelta(0)  # a piece at a time
    while not lane.plannings:
        assert run_row(services.engine, large).state == RunState.PLANNING
        look(lane)
    somebody_new(services, client)
    while not inbox(services):
        assert lane.plannings, "all were planned before the welcome code left"
        lane.noticed_at = None
        look(lane)
    assert inbox(services) == ["nova@example.com"]
    assert run_row(services.engine, large).state == RunState.PLANNING
    while run_row(services.engine, large).state == RunState.PLANNING:
        look(lane)
    approve_it(services, large)
    looks = 0
    while run_row(services.engine, large).state == RunState.APPROVED:
        look(lane)
        looks += 1
    assert run_row(services.engine, large).state == RunState.MINTING
    assert looks > 4, "what begins is counted in pieces"


def approve_it(services: Services, run_id: int) -> None:
    with services.engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    assert plan.proposal.audience.count >= 4 * PLANNED
    approve(services.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=services.clock.now())


def test_another_process_goes_on_where_one_was_killed_although_the_list_has_moved(
    lane: Lane, services: Services, sandbox: Sandbox, client: Client
) -> None:
    engine, now = services.engine, services.clock.now()
    read = [sync(engine, lane.client, CUSTOMERS, store_id=1, now=now, over=lambda: True) for _ in range(4)]
    assert [(one.rows, one.fresh) for one in read] == [(PIECE, False)] * 4
    for gone in range(1, 150):  # more than a page of what was read already
        call(client, "DELETE", f"/customers/{gone}")
    call(client, "PUT", "/customers/400", {"acceptMarketing": False})
    call(client, "PUT", f"/customers/{MANY}", {"acceptMarketing": False})
    call(client, "POST", "/customers", {"email": "nova@example.com"})
    before = client.calls
    with services.client(store_of(services)) as other:  # a process that knows nothing but the ledger
        assert sync(engine, other, CUSTOMERS, store_id=1, now=services.clock.now()).over
        left = (MANY - 4 * PIECE) // 100
        assert left - 5 < other.calls < left + 10
        sync(engine, other, CUSTOMERS, store_id=1, now=services.clock.now())  # what changed meanwhile
    assert client.calls == before
    equal_customers(services, sandbox)
    with engine.connect() as connection:
        said = sa.select(customers.c.customer_id).where(customers.c.customer_id.in_([400, MANY]))
        refused = said.where(customers.c.accepts_marketing.is_(sa.false()))
        assert set(connection.scalars(refused)) == {400, MANY}


def store_of(services: Services) -> Any:
    with reading(services.engine) as connection:
        return load_store(connection, 1)
