"""Message rows are written once; recipients whose code isn't settled yet are looked at again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, ready_to_send
from tests.shop import run_row
from tillroll.campaign.states import CodeState, MessageKind, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, messages
from tillroll.send.context import SendContext, open_sending
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.prepare import prepare


def written_down(engine: Engine, context: SendContext, run_id: int) -> int:
    """Prepare a run's messages. Returns how many rows were written."""
    with reading(engine) as connection:
        sending = open_sending(connection, context, run_row(engine, run_id), MessageKind.OFFER)
    return prepare(sending, now=context.clock.now(), until=context.clock.now()).made


def test_recipients_with_a_row_are_not_looked_at_again(ledger: Engine, tmp_path: Path) -> None:
    """Looking at a million recipients takes a second, and a slice only two."""
    clock = FakeClock()
    run_id, context = ready_to_send(ledger, clock=clock), context_of(ledger, tmp_path, clock)
    assert written_down(ledger, context, run_id) == 8
    assert run_row(ledger, run_id).prepared_places == 8
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    sa.event.listen(ledger, "before_cursor_execute", note)
    try:
        assert written_down(ledger, context, run_id) == 0
    finally:
        sa.event.remove(ledger, "before_cursor_execute", note)
    assert not [statement for statement in asked if "INSERT" in statement]


def test_recipients_without_a_settled_code_are_looked_at_again(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id, context = ready_to_send(ledger, clock=clock), context_of(ledger, tmp_path, clock)
    with writing(ledger) as connection:
        one = connection.scalar(sa.select(sa.func.min(codes.c.id)))
        connection.execute(sa.update(codes).where(codes.c.id == one).values(state=CodeState.POSTING))
    assert [written_down(ledger, context, run_id) for _ in range(2)] == [7, 0]
    assert run_row(ledger, run_id).prepared_places == 0
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).where(codes.c.id == one).values(state=CodeState.LIVE))
    assert written_down(ledger, context, run_id) == 1
    assert run_row(ledger, run_id).prepared_places == 8
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 8


def test_a_slice_that_ends_leaves_the_rest_to_the_next_one(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id, context = ready_to_send(ledger, clock=clock), context_of(ledger, tmp_path, clock)
    over = clock.now() - timedelta(seconds=1)
    came = []
    for _ in range(4):
        with reading(ledger) as connection:
            sending = open_sending(connection, context, run_row(ledger, run_id), MessageKind.OFFER)
        prepared = prepare(sending, now=clock.now(), until=over, piece=3)
        came.append((prepared.made, prepared.looked_at_all))
    assert came == [(3, False), (3, False), (2, True), (0, True)]


def test_a_process_that_ends_prepares_no_more(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id, context = ready_to_send(ledger, clock=clock), context_of(ledger, tmp_path, clock)
    context.database.stop()
    with reading(ledger) as connection:
        sending = open_sending(connection, context, run_row(ledger, run_id), MessageKind.OFFER)
    prepared = prepare(sending, now=clock.now(), until=clock.now() + timedelta(hours=1))
    assert (prepared.made, prepared.looked_at_all) == (0, False)
    assert send_slice(context, run_id=run_id, until=clock.now() + timedelta(hours=1)) == clock.now()
    assert run_row(ledger, run_id).state == RunState.SENDING
