"""Reminders are sent once, also when the process dies while sending them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import CAMPAIGN, context_of, lines_of, ready_to_send
from tests.shop import NOW, run_row
from tillroll.campaign.states import MessageKind, MessageState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import messages
from tillroll.send.context import SendContext, open_sending
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.prepare import prepare
from tillroll.send.slices.remind import remind_slice

SOON = CAMPAIGN.replace(
    "subject: Hello}",
    "subject: Hello, send: {quiet_hours: '21:00-08:00'},\n"
    "  reminder: {before_expiry: 3d, template: winback, subject: Soon}}",
)
LATER = NOW + timedelta(days=12, hours=1)


@pytest.fixture
def tracked(ledger: Engine, tmp_path: Path) -> tuple[int, SendContext, FakeClock]:
    """Return a run whose offers are sent, shortly before its codes expire."""
    clock = FakeClock()
    run_id = ready_to_send(ledger, SOON, clock=clock)
    context = context_of(ledger, tmp_path, clock)
    send_slice(context, run_id=run_id, until=NOW + timedelta(seconds=1))
    assert run_row(ledger, run_id).state == RunState.TRACKING
    assert remind_slice(context, run_id=run_id, until=NOW) is None
    assert run_row(ledger, run_id).not_before == run_row(ledger, run_id).valid_until - timedelta(days=3)
    clock.at = LATER
    return run_id, context, clock


def written_down(engine: Engine, context: SendContext, run_id: int, now: datetime) -> int:
    with reading(engine) as connection:
        sending = open_sending(connection, context, run_row(engine, run_id), MessageKind.REMINDER)
    return prepare(sending, now=now, until=now).made


def test_a_reminder_gets_one_row(ledger: Engine, tracked: tuple[int, SendContext, FakeClock]) -> None:
    run_id, context, clock = tracked
    assert [written_down(ledger, context, run_id, clock.at) for _ in range(3)] == [8, 0, 0]


@pytest.mark.parametrize("arrived", [0, 3])
def test_a_process_that_dies_while_reminding_loses_and_repeats_nothing(
    ledger: Engine, tmp_path: Path, tracked: tuple[int, SendContext, FakeClock], arrived: int
) -> None:
    run_id, context, clock = tracked
    written_down(ledger, context, run_id, clock.at)
    if arrived:  # three had left, and the ledger didn't hear of it
        of_kind = sa.select(messages.c.id).where(messages.c.kind == "reminder").order_by(messages.c.id)
        with ledger.connect() as connection:
            ids = connection.scalars(of_kind).all()
        with writing(ledger) as connection:
            later = sa.update(messages).where(messages.c.id.in_(ids[arrived:]))
            connection.execute(later.values(not_before=clock.at + timedelta(hours=1)))
        remind_slice(context, run_id=run_id, until=clock.at + timedelta(seconds=1))
    with writing(ledger) as connection:
        of_kind_ = messages.c.kind == "reminder"
        connection.execute(
            sa.update(messages)
            .where(of_kind_)
            .values(state=MessageState.SENDING, transport=context.transport.name, not_before=None)
        )
    for _ in range(2):
        remind_slice(context, run_id=run_id, until=clock.at + timedelta(seconds=1))
    subjects = Counter((line["to"], line["subject"]) for line in lines_of(tmp_path))
    assert set(subjects.values()) == {1}
    assert sum(1 for _, subject in subjects if subject == "Soon") == 8


def test_reminders_wait_for_the_end_of_quiet_hours(
    ledger: Engine, tmp_path: Path, tracked: tuple[int, SendContext, FakeClock]
) -> None:
    run_id, context, clock = tracked
    clock.at = LATER.replace(hour=21)
    next_at = remind_slice(context, run_id=run_id, until=clock.at + timedelta(seconds=1))
    assert next_at == (LATER + timedelta(days=1)).replace(hour=7)  # eight by the store's clock
    assert run_row(ledger, run_id).not_before == next_at
    assert len(lines_of(tmp_path)) == 8
    clock.at = next_at
    remind_slice(context, run_id=run_id, until=clock.at + timedelta(seconds=1))
    assert len(lines_of(tmp_path)) == 16
