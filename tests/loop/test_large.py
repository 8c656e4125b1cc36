"""Long lists and large plans are worked through in slices, and the store's other work goes on in between."""

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
from tests.track.room import call
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import campaigns, customers, readings, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.plan.audience.reader import PIECE as PLANNED
from tillroll.plan.due.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.areas import CUSTOMERS
from tillroll.track.mirror.readings import PIECE
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync
from tillroll.track.webhooks.intake import WebhookDelivery, store_event
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


def look(worker: StoreWorker) -> None:
    advance(worker, until=worker.services.clock.now() + timedelta(seconds=5))


def place(services: Services) -> dict[str, Any] | None:
    """Return the position in the list of customers; None when it is not being read."""
    with services.engine.connect() as connection:
        position: dict[str, Any] | None = connection.scalar(
            sa.select(readings.c.place).where(readings.c.area == "customers")
        )
    return position


def known_at(services: Services) -> Any:
    with services.engine.connect() as connection:
        return connection.scalar(sa.select(stores.c.customers_at))


def inbox(services: Services) -> list[str]:
    path = services.settings.outbox / "messages.jsonl"
    return [json.loads(line)["to"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_welcome_code_is_planned_made_and_sent_while_the_customers_are_being_read(
    worker: StoreWorker, services: Services, sandbox: Sandbox, client: Client
) -> None:
    write_down(worker, book_of(NO_LIMITS, for_all=FOR_ALL, welcome=WELCOME))
    large = begin(services)
    worker.stage_time = timedelta(0)  # one piece a turn
    look(worker)
    reason = run_row(services.engine, large).reason  # whole pages are in the mirror
    assert reason == f"the store's customers are being read: {PIECE - 4} of {MANY:,}"
    somebody_new(services, client)
    while not inbox(services):
        assert place(services), "the customers were read before the welcome code left"
        worker.events_checked_at = None
        look(worker)
    assert inbox(services) == ["nova@example.com"]
    assert known_at(services) is None
    assert run_row(services.engine, large).state == RunState.PLANNING
    while run_row(services.engine, large).state == RunState.PLANNING:
        look(worker)
    assert run_row(services.engine, large).state == RunState.WAITING
    assert place(services) is None
    equal_customers(services, sandbox)


def begin(services: Services) -> int:
    """Start a run for all customers."""
    now = services.clock.now()
    with writing(services.engine) as connection:  # the store's moments are whole seconds
        connection.execute(sa.update(campaigns).values(first_seen_at=now - timedelta(minutes=1)))
    return start_by_hand(services.engine, store_id=1, name="for-all", person="ana", now=now)


def somebody_new(services: Services, client: Client) -> None:
    """Add a customer to the store and deliver the webhook."""
    now = services.clock.now()
    new = call(client, "POST", "/customers", {"email": "nova@example.com", "acceptMarketing": True})
    event = WebhookDelivery(
        event_id="e1", ecwid_id=1003, kind="customer.created", entity=str(new["id"]), data={}, happened_at=now
    )
    store_event(services.engine, event, now=now)


def equal_customers(services: Services, sandbox: Sandbox) -> None:
    theirs = {number for (number,) in sandbox.store.state.rows("select id from customers")}
    with services.engine.connect() as connection:
        assert set(connection.scalars(sa.select(customers.c.customer_id))) == theirs


def test_a_welcome_code_is_planned_made_and_sent_while_all_customers_are_being_planned(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    write_down(worker, book_of(NO_LIMITS + "codes_per_run: 100000\n", for_all=FOR_ALL, welcome=WELCOME))
    look(worker)
    people = range(1_000_000, 1_000_000 + 4 * PLANNED)
    regular = {"orders": 5, "last_order_at": services.clock.now() - timedelta(days=5)}
    add_customers(services.engine, 1, *(lapsed(number, **regular) for number in people))
    large = begin(services)
    worker.stage_time = timedelta(0)  # one piece a turn
    while not worker.plannings:
        assert run_row(services.engine, large).state == RunState.PLANNING
        look(worker)
    somebody_new(services, client)
    while not inbox(services):
        assert worker.plannings, "all were planned before the welcome code left"
        worker.events_checked_at = None
        look(worker)
    assert inbox(services) == ["nova@example.com"]
    assert run_row(services.engine, large).state == RunState.PLANNING
    while run_row(services.engine, large).state == RunState.PLANNING:
        look(worker)
    approve_it(services, large)
    looks = 0
    while run_row(services.engine, large).state == RunState.APPROVED:
        look(worker)
        looks += 1
    assert run_row(services.engine, large).state == RunState.MINTING
    assert looks > 4, "what begins is counted in pieces"


def approve_it(services: Services, run_id: int) -> None:
    with services.engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    assert plan.proposal.audience.count >= 4 * PLANNED
    approve(services.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=services.clock.now())


def test_another_process_continues_after_a_kill_although_the_list_has_changed(
    worker: StoreWorker, services: Services, sandbox: Sandbox, client: Client
) -> None:
    engine, now = services.engine, services.clock.now()
    read = [
        sync(
            MirrorSession(**vars(worker.session), now=now, finished=lambda: True),
            CUSTOMERS,
        )
        for _ in range(4)
    ]
    assert [(synced.rows, synced.fresh) for synced in read] == [(PIECE, False)] * 4
    for gone in range(1, 150):  # more than a page of the part already read
        call(client, "DELETE", f"/customers/{gone}")
    call(client, "PUT", "/customers/400", {"acceptMarketing": False})
    call(client, "PUT", f"/customers/{MANY}", {"acceptMarketing": False})
    call(client, "POST", "/customers", {"email": "nova@example.com"})
    before = client.calls
    with services.client(store_of(services)) as other:  # a process that has only the ledger
        assert sync(MirrorSession.of(services.session(1, other)), CUSTOMERS).complete
        left = (MANY - 4 * PIECE) // 100
        assert left - 5 < other.calls < left + 10
        sync(MirrorSession.of(services.session(1, other)), CUSTOMERS)  # what changed meanwhile
    assert client.calls == before
    equal_customers(services, sandbox)
    with engine.connect() as connection:
        said = sa.select(customers.c.customer_id).where(customers.c.customer_id.in_([400, MANY]))
        refused = said.where(customers.c.accepts_marketing.is_(sa.false()))
        assert set(connection.scalars(refused)) == {400, MANY}


def store_of(services: Services) -> Any:
    with reading(services.engine) as connection:
        return load_store(connection, 1)
