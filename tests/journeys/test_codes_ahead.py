"""Codes that are made ahead, paused and resumed at their time; and expired codes, which are deleted in the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.journeys.coupons import carried_out, in_ledger, in_store, line_of, looked, mint_of
from tests.journeys.path import agree, compare, finish, go_on, outbox, start, state
from tests.journeys.steps import book_of, wake, write_down
from tests.shop import ANA, campaign_text, run_row
from tillroll.approve.halt import halt, restart
from tillroll.campaign.states import ChangeKind, CodeState, PartState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import list_changes
from tillroll.ledger.tables import codes, runs
from tillroll.loop.advance import StoreWorker
from tillroll.loop.stages.upkeep import change_codes
from tillroll.plan.due.slots import create_due_runs
from tillroll.wiring import Services


def ahead_text(at: str) -> str:
    text = campaign_text("winback").replace(
        "codes: {format: short, prefix: BACK}", "codes: {prefix: BACK, ahead: 2h}"
    )
    lines = [
        line for line in text.splitlines() if not line.strip().startswith(("cron:", "if_late:", "within:"))
    ]
    return "\n".join(lines).replace("when:", f'when:\n  at: "{at}"\n  timezone: UTC')


@pytest.fixture
def coming(worker: StoreWorker, services: Services) -> int:
    """Return an approved run that is due in an hour."""
    now = services.clock.now()
    at = now + timedelta(hours=1)
    write_down(worker, book_of(winback=ahead_text(f"{at:%Y-%m-%d %H:%M}")))
    assert create_due_runs(services.engine, store_id=1, now=now) == 1
    assert create_due_runs(services.engine, store_id=1, now=now) == 0
    go_on(worker, until=lambda: state(services) is RunState.WAITING)
    agree(services, 1)
    go_on(worker, until=lambda: "switched on at its time" in run_row(services.engine, 1).reason)
    return 1


def let_the_hour_come(worker: StoreWorker) -> None:
    with writing(worker.services.engine) as connection:
        past = worker.services.clock.now() - timedelta(seconds=1)
        connection.execute(sa.update(runs).values(launch_at=past, valid_from=past))
    wake(worker)


def test_codes_made_ahead_are_paused_until_their_time(
    worker: StoreWorker, services: Services, client: Client, coming: int
) -> None:
    run = run_row(services.engine, coming)
    made = in_store(client)
    assert len(made) > 5
    assert {(one.status, one.launches_at) for one in made.values()} == {("PAUSED", run.launch_at)}
    assert {row.state for row in in_ledger(services).values()} == {CodeState.PAUSED}
    assert run.valid_from == run.launch_at == run.slot_at
    assert outbox(services) == []
    assert looked(worker).drifts == 0
    let_the_hour_come(worker)
    progress = finish(worker)
    assert progress.codes_live == progress.messages_sent == progress.planned == len(made)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert line_of(services, 1).kind is ChangeKind.LAUNCH
    assert compare(worker).agrees


def test_codes_of_a_run_halted_before_its_time_are_resumed_by_its_launch_only(
    worker: StoreWorker, services: Services, client: Client, coming: int
) -> None:
    halt(services.engine, run_id=coming, person=ANA, note="", now=services.clock.now())
    assert restart(services.engine, run_id=coming, person=ANA, note="", now=services.clock.now()) == "minting"
    go_on(worker, until=lambda: "switched on at its time" in run_row(services.engine, 1).reason)
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    let_the_hour_come(worker)
    finish(worker)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}


def test_expired_codes_are_deleted_in_the_store_and_kept_in_the_ledger(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    text = campaign_text("winback").replace("prefix: BACK}", "prefix: BACK, delete_after: 30d}")
    book = book_of(winback=text)
    agree(services, start(worker, book=book))
    count = finish(worker).codes_live
    assert (
        change_codes(worker, mint_of(worker), services.clock.now() + timedelta(seconds=5), quiet=True) is None
    )
    long_ago = services.clock.now() - timedelta(days=31)
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).values(valid_until=long_ago))
    worker.cleared_at = None
    until = services.clock.now() + timedelta(seconds=5)
    while change_codes(worker, mint_of(worker), until, quiet=True) is not None:
        services.clock.sleep(0.05)
        until = services.clock.now() + timedelta(seconds=5)
    with services.engine.connect() as connection:
        [line] = list_changes(connection, 1)
        states = set(connection.scalars(sa.select(codes.c.state)))
    assert (line.kind, line.parts) == (ChangeKind.CLEAR, {PartState.DONE: count})
    assert states == {CodeState.CLEARED}
    assert in_store(client) == {}
    assert carried_out(worker, line.change_id).person == "policy"
