"""An installation for real stores without a mail server: its e-mails wait, and nobody is told that they were sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, ready_to_send
from tests.shop import run_row
from tillroll.campaign.language.models import Via
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.runs import defer_run
from tillroll.ledger.tables import messages
from tillroll.loop.registration import note_transport
from tillroll.send.hold import list_holds
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transports.nowhere import Nowhere
from tillroll.settings import Settings, from_mapping
from tillroll.wiring import build, open_transport


def states(engine: Engine) -> set[tuple[str, int, str]]:
    with reading(engine) as connection:
        columns = (messages.c.state, messages.c.attempts, messages.c.transport)
        return {(row.state, row.attempts, row.transport) for row in connection.execute(sa.select(*columns))}


def test_only_a_sandbox_writes_files_without_being_told_to(tmp_path: Path) -> None:
    assert from_mapping({}).mail_via is None
    assert from_mapping({"TILLROLL_ENVIRONMENT": "sandbox"}).mail_via is Via.OUTBOX
    assert from_mapping({"MAIL_URL": "outbox:"}).mail_via is Via.OUTBOX
    assert isinstance(open_transport(from_mapping({}), FakeClock()), Nowhere)
    assert open_transport(from_mapping({"MAIL_URL": "outbox:"}), FakeClock()).name == "outbox"


def test_nothing_leaves_and_everything_goes_once_there_is_a_way(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id, outbox = ready_to_send(ledger, clock=clock), context_of(ledger, tmp_path, clock)
    nowhere = replace(outbox, transport=Nowhere())
    for _ in range(30):
        next_at = send_slice(nowhere, run_id=run_id, until=clock.now() + timedelta(seconds=10))
        clock.at = max(clock.now(), next_at or clock.now()) + timedelta(seconds=1)
    assert states(ledger) == {(MessageState.READY, 0, Nowhere.name)}
    assert run_row(ledger, run_id).state == RunState.SENDING
    with writing(ledger) as connection:
        (held,) = list_holds(connection)
        assert held.sentence.startswith("Nothing leaves this machine: MAIL_URL names no way to send e-mails.")
        defer_run(connection, run_id, until=held.probe_at, reason=held.sentence)
    with build(
        Settings(home=tmp_path, database_url=ledger.url.render_as_string(hide_password=False))
    ) as services:
        note_transport(services)
    with reading(ledger) as connection:
        assert list_holds(connection) == []
    assert run_row(ledger, run_id).not_before is None
    send_slice(outbox, run_id=run_id, until=clock.now() + timedelta(minutes=1))
    assert states(ledger) == {(MessageState.SENT, 1, "outbox")}


def test_a_worker_says_so_from_its_start(ledger: Engine, tmp_path: Path) -> None:
    url = ledger.url.render_as_string(hide_password=False)
    with build(replace(from_mapping({}), home=tmp_path, database_url=url)) as services:
        note_transport(services)
        note_transport(services)
    with reading(ledger) as connection:
        assert [held.transport for held in list_holds(connection)] == [Nowhere.name]
