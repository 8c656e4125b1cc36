"""A recipient who has not used their code gets one reminder, shortly before the code expires."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from tests.journeys.path import SLICE, agree, finish, outbox, start, state
from tests.journeys.steps import book_of, see_orders, text_of, wake
from tests.shop import run_row
from tests.store import buy
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, customers, messages, recipients, runs
from tillroll.loop.advance import StoreWorker, advance
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services

SOON = """title: Soon
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, limit: 8}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message:
  template: winback
  subject: Ten off
  reminder: {before_expiry: 3d, template: winback, subject: "Until {{ code.valid_until | date }} only"}
"""


def some_slices(worker: StoreWorker, count: int = 3) -> None:
    for _ in range(count):
        advance(worker, until=worker.services.clock.now() + SLICE)


def expires_in(worker: StoreWorker, span: timedelta) -> None:
    """Make the run's codes expire this soon, as if the days before had passed."""
    with writing(worker.services.engine) as connection:
        connection.execute(sa.update(runs).values(valid_until=worker.services.clock.now() + span))
    wake(worker)


def test_recipients_with_an_unused_code_are_reminded_once(
    worker: StoreWorker, services: Services, client: Client, sandbox: Sandbox
) -> None:
    run_id = start(worker, "soon", book_of(soon=SOON))
    agree(services, run_id)
    assert finish(worker, run_id).messages_sent == 8
    some_slices(worker)
    row = run_row(services.engine, run_id)
    assert row.not_before == row.valid_until - timedelta(days=3)  # nobody looks at it until then
    assert len(outbox(services)) == 8

    used, gone, revoked, *rest = outbox(services)
    sold = buy(sandbox, email=used["to"], coupon=used["code"])
    see_orders(worker, sold["orderId"])
    with services.engine.connect() as connection:
        who = sa.select(customers.c.customer_id).where(customers.c.email == gone["to"])
        client.customers.set_consent(connection.scalars(who).one(), False)
    with writing(services.engine) as connection:
        of_third = codes.c.code == revoked["code"]
        connection.execute(sa.update(codes).where(of_third).values(state=CodeState.REVOKED))
    expires_in(worker, timedelta(days=2))
    some_slices(worker)
    wake(worker)
    some_slices(worker)
    reminders = outbox(services)[8:]
    assert Counter(one["to"] for one in reminders) == Counter(one["to"] for one in rest)
    assert {one["code"] for one in reminders} == {one["code"] for one in rest}
    assert len({one["key"] for one in outbox(services)}) == 8 + len(rest)
    until = run_row(services.engine, run_id).valid_until.astimezone(ZoneInfo("Europe/Ljubljana"))
    assert f"Valid until {until:%B %-d}" in text_of(services, reminders[0])
    assert reminders[0]["subject"].startswith(f"Until {until:%B %-d}")
    with services.engine.connect() as connection:
        progress = run_progress(connection, run_id)
        held = sa.select(messages.c.reason).where(messages.c.kind == "reminder", messages.c.state == "held")
        assert list(connection.scalars(held)) == ["consent was withdrawn"]
    assert progress.messages_sent == 8
    assert progress.reminders == {MessageState.SENT: 5, MessageState.HELD: 1}
    assert state(services, run_id) is RunState.TRACKING


def test_each_code_is_reminded_of_before_its_own_expiry(worker: StoreWorker, services: Services) -> None:
    """Codes of one run may end at different times."""
    run_id = start(worker, "soon", book_of(soon=SOON))
    agree(services, run_id)
    finish(worker, run_id)
    now = services.clock.now()
    with writing(services.engine) as connection:
        ids = connection.scalars(sa.select(codes.c.id).order_by(codes.c.id).limit(3)).all()
        early = sa.update(codes).where(codes.c.id.in_(ids))
        connection.execute(early.values(valid_from=now, valid_until=now + timedelta(days=2)))
    wake(worker)
    some_slices(worker)
    with services.engine.connect() as connection:
        of_early = sa.select(recipients.c.email).join(codes, codes.c.recipient_id == recipients.c.id)
        wanted = set(connection.scalars(of_early.where(codes.c.id.in_(ids))))
    assert {one["to"] for one in outbox(services)[8:]} == wanted
    row = run_row(services.engine, run_id)
    assert row.not_before == row.valid_until - timedelta(days=3)
    expires_in(worker, timedelta(days=1))
    some_slices(worker)
    assert Counter(Counter(one["to"] for one in outbox(services)).values()) == {2: 8}


def test_nobody_is_reminded_of_a_code_that_has_expired(worker: StoreWorker, services: Services) -> None:
    run_id = start(worker, "soon", book_of(soon=SOON))
    agree(services, run_id)
    finish(worker, run_id)
    expires_in(worker, timedelta(minutes=-1))
    some_slices(worker)
    assert len(outbox(services)) == 8


def test_a_halted_run_reminds_nobody(worker: StoreWorker, services: Services) -> None:
    run_id = start(worker, "soon", book_of(soon=SOON))
    agree(services, run_id)
    finish(worker, run_id)
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).values(state=RunState.HALTED))
    expires_in(worker, timedelta(days=1))
    some_slices(worker)
    assert len(outbox(services)) == 8
