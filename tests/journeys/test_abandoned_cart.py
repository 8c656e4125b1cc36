"""An abandoned cart is followed by three e-mails over days, until it becomes an order. Only the date is simulated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from tests.clocks import Days, days_from
from tests.flows.events import NOTE, all_runs, entered
from tests.journeys.path import outbox, settle
from tests.shop import ROOT, sample_files
from tests.store import INDEX_LAG, buy, lay_faults, running
from tillroll.campaign import fingerprint, parse_book
from tillroll.campaign.states import EntryState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.tables import messages, redemptions
from tillroll.loop.advance import StoreWorker
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CART = """title: You left something
owner: ana@shop.example
status: active
when: {on: {cart_abandoned: {total_at_least: 30}}}
steps:
  - wait: 2h
    message: {template: note, subject: "Your basket of {{ cart.total | money }}"}
  - wait: 1d
    unless: [ordered]
    offer: {kind: percent, value: 5, uses: single, valid: {for: 7d}}
    codes: {prefix: CART}
    message: {template: code, subject: "5% off what you left"}
  - wait: 2d
    unless: [ordered, code_used]
    same_code: true
    message: {template: code, subject: Once more}
approval: {by: 1, auto_when: {codes: 1, worst_case: 5000}}
"""


@pytest.fixture(autouse=True)  # before the shop opens, so that what is in it is of these days
def days() -> Iterator[Days]:
    with days_from(START) as running_days:
        yield running_days


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", **INDEX_LAG) as store:
        yield store


def begin(worker: StoreWorker) -> None:
    """Read the campaign, and the store for the first time."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= {
        "campaigns/cart.yaml": CART.encode(),
        NOTE: b"<p>{{ customer.first_name }} {{ unsubscribe_link }}</p>",
    }
    files["templates/code/message.html.j2"] = (
        b"<p>{{ code.text }}: {{ offer.text }} {{ unsubscribe_link }}</p>"
    )
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    record_book(worker.services.engine, store_id=1, book=book, now=worker.services.clock.now())
    worker.files_seen = fingerprint(ROOT)  # the files are read already, and don't change
    settle(worker)


def leave_cart(sandbox: Sandbox, email: str) -> None:
    """Fill a cart as a buyer who gives an address and leaves."""
    ready = sandbox.ready
    body: dict[str, Any] = {
        "email": email,
        "paymentStatus": "INCOMPLETE",
        "total": 40.0,
        "subtotal": 40.0,
        "items": [{"name": "Cast-iron pot", "sku": "POT-01", "price": 40.0, "quantity": 1}],
    }
    answer = requests.post(
        f"{ready.base_url}/{ready.store_id}/orders",
        json=body,
        headers={"Authorization": f"Bearer {ready.token}"},
        timeout=60,
    )
    answer.raise_for_status()


def buyer(client: Client) -> str:
    """Create a customer who accepts marketing. Returns the address."""
    return next(one.email for one in client.customers.every() if one.accepts_marketing)


def to_step_two(worker: StoreWorker, sandbox: Sandbox, email: str, days: Days) -> str:
    """Leave a cart and take the first two steps when they are due. Returns the code of the second."""
    services = worker.services
    begin(worker)
    days.tick(timedelta(minutes=1))
    leave_cart(sandbox, email)
    days.tick(timedelta(minutes=6))
    settle(worker)
    assert [(one.state, one.step) for one in entered(services.engine)] == [(EntryState.WAITING, 1)]
    assert outbox(services) == []
    days.tick(2 * HOUR)
    settle(worker)
    assert [(one["to"], one["subject"], one["code"]) for one in outbox(services)] == [
        (email, "Your basket of €40.00", "")
    ]
    days.tick(DAY)
    settle(worker)
    found = outbox(services)
    assert [one["subject"] for one in found][1:] == ["5% off what you left"]
    assert found[1]["code"].startswith("CART")
    return str(found[1]["code"])


def holds(services: Services, mails: int) -> None:
    """Assert that nobody got anything twice, nothing is left to do, and the audit chain is valid."""
    lines = outbox(services)
    assert len(lines) == len({one["key"] for one in lines}) == mails
    assert {run.state for run in all_runs(services.engine)} <= {RunState.TRACKING, RunState.DONE}
    with services.engine.connect() as connection:
        assert first_broken_row(connection) is None


def test_an_abandoned_cart_gets_all_three_steps_with_one_code(
    worker: StoreWorker, services: Services, sandbox: Sandbox, client: Client, days: Days
) -> None:
    email = buyer(client)
    code = to_step_two(worker, sandbox, email, days)
    days.tick(2 * DAY)
    settle(worker)
    assert [(one["subject"], one["code"]) for one in outbox(services)][2:] == [("Once more", code)]
    holds(services, 3)
    assert [one.state for one in entered(services.engine)] == [EntryState.DONE]
    days.tick(10 * DAY)
    settle(worker)
    holds(services, 3)


@pytest.mark.parametrize("with_code", [True, False])
def test_a_cart_that_becomes_an_order_gets_no_further_step(
    worker: StoreWorker,
    services: Services,
    sandbox: Sandbox,
    client: Client,
    days: Days,
    with_code: bool,
) -> None:
    email = buyer(client)
    code = to_step_two(worker, sandbox, email, days)
    days.tick(HOUR)
    buy(sandbox, email=email, coupon=code if with_code else "")
    days.tick(2 * DAY)
    settle(worker)
    holds(services, 2)
    (entry,) = entered(services.engine)
    assert (entry.state, entry.reason) == (EntryState.LEFT, "the cart became an order")
    with services.engine.connect() as connection:
        used = connection.scalar(sa.select(sa.func.count()).select_from(redemptions))
    assert used == with_code


def test_a_cart_that_is_bought_right_before_its_e_mail_leaves_gets_none(
    worker: StoreWorker, services: Services, sandbox: Sandbox, client: Client, days: Days
) -> None:
    email = buyer(client)
    begin(worker)
    days.tick(timedelta(minutes=1))
    leave_cart(sandbox, email)
    days.tick(timedelta(minutes=6))
    settle(worker)
    lay_faults(sandbox, errors={"path": "/carts/", "on": "reads", "status": 503})
    days.tick(2 * HOUR)
    settle(worker)
    assert outbox(services) == []  # the store doesn't say whether it still stands
    lay_faults(sandbox, errors=False)
    days.tick(timedelta(minutes=6))
    buy(sandbox, email=email)  # no list shows it yet
    settle(worker)
    assert outbox(services) == []
    with services.engine.connect() as connection:
        reasons = list(connection.scalars(sa.select(messages.c.reason)))
    assert reasons == ["the cart became an order"]
