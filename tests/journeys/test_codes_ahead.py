"""Codes made before their time, switched off, and switched on at it; and expired ones deleted in the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.journeys.steps import book_of, wake, write_down
from tests.journeys.test_changes import carried_out, in_ledger, in_store, line_of
from tests.journeys.test_drift import looked, mint_of
from tests.journeys.test_from_file_to_inbox import agree, compare, finish, go_on, outbox, start, state
from tests.shop import ANA, campaign_text, run_row
from tillroll.approve.halt import halt, restart
from tillroll.campaign.states import ChangeKind, CodeState, PartState, RunState
from tillroll.ecwid.client import Client
from tillroll.ledger.changes import list_changes
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import codes, runs
from tillroll.loop.advance import Lane
from tillroll.loop.stages import change_codes
from tillroll.plan.slots import materialise
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
def coming(lane: Lane, services: Services) -> int:
    """A run whose time comes in an hour, approved."""
    now = services.clock.now()
    at = now + timedelta(hours=1)
    write_down(lane, book_of(winback=ahead_text(f"{at:%Y-%m-%d %H:%M}")))
    assert materialise(services.engine, store_id=1, now=now) == 1
    assert materialise(services.engine, store_id=1, now=now) == 0
    go_on(lane, until=lambda: state(services) is RunState.WAITING)
    agree(services, 1)
    go_on(lane, until=lambda: "switched on at its time" in run_row(services.engine, 1).reason)
    return 1


def let_the_hour_come(lane: Lane) -> None:
    with writing(lane.services.engine) as connection:
        connection.execute(sa.update(runs).values(launch_at=lane.services.clock.now() - timedelta(seconds=1)))
    wake(lane)


def test_codes_are_made_switched_off_and_switched_on_at_their_time(
    lane: Lane, services: Services, client: Client, coming: int
) -> None:
    run = run_row(services.engine, coming)
    made = in_store(client)
    assert len(made) > 5
    assert {(one.status, one.launches_at) for one in made.values()} == {("PAUSED", run.launch_at)}
    assert {row.state for row in in_ledger(services).values()} == {CodeState.PAUSED}
    assert run.valid_from == run.launch_at == run.slot_at
    assert outbox(services) == []
    assert looked(lane).drifts == 0
    let_the_hour_come(lane)
    progress = finish(lane)
    assert progress.codes_live == progress.messages_sent == progress.planned == len(made)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}
    assert line_of(services, 1).kind is ChangeKind.LAUNCH
    assert compare(lane).agrees


def test_a_run_halted_before_its_time_is_switched_on_by_its_launch_alone(
    lane: Lane, services: Services, client: Client, coming: int
) -> None:
    halt(services.engine, run_id=coming, person=ANA, note="", now=services.clock.now())
    assert restart(services.engine, run_id=coming, person=ANA, note="", now=services.clock.now()) == "minting"
    go_on(lane, until=lambda: "switched on at its time" in run_row(services.engine, 1).reason)
    assert {one.status for one in in_store(client).values()} == {"PAUSED"}
    let_the_hour_come(lane)
    finish(lane)
    assert {one.status for one in in_store(client).values()} == {"ACTIVE"}


def test_expired_codes_are_deleted_in_the_store_and_stay_in_the_ledger(
    lane: Lane, services: Services, client: Client
) -> None:
    text = campaign_text("winback").replace("prefix: BACK}", "prefix: BACK, delete_after: 30d}")
    book = book_of(winback=text)
    agree(services, start(lane, book=book))
    count = finish(lane).codes_live
    assert change_codes(lane, mint_of(lane), services.clock.now() + timedelta(seconds=5), quiet=True) is None
    long_ago = services.clock.now() - timedelta(days=31)
    with writing(services.engine) as connection:
        connection.execute(sa.update(runs).values(valid_until=long_ago))
    lane.cleared_at = None
    until = services.clock.now() + timedelta(seconds=5)
    while change_codes(lane, mint_of(lane), until, quiet=True) is not None:
        services.clock.sleep(0.05)
        until = services.clock.now() + timedelta(seconds=5)
    with services.engine.connect() as connection:
        [line] = list_changes(connection, 1)
        states = set(connection.scalars(sa.select(codes.c.state)))
    assert (line.kind, line.parts) == (ChangeKind.CLEAR, {PartState.DONE: count})
    assert states == {CodeState.CLEARED}
    assert in_store(client) == {}
    assert carried_out(lane, line.change_id).person == "policy"
