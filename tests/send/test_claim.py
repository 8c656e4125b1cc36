"""Messages are claimed many at once, and still each one only by the sender that finds it ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, lines_of, ready_to_send
from tests.shop import run_row
from tillroll.campaign.states import MessageKind, MessageState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import customers, messages, runs
from tillroll.send.context import Sending, open_sending
from tillroll.send.slices.claim import claim
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.prepare import prepare

pytestmark = pytest.mark.usefixtures("ledger")


class InterruptingClock(FakeClock):
    """A clock that does something when somebody looks at it the next time."""

    meanwhile: Callable[[], None] | None = None

    def now(self) -> datetime:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return super().now()


def prepared(engine: Engine, folder: Path, clock: FakeClock, *, owner: int = 0) -> Sending:
    run_id = ready_to_send(engine, clock=clock)
    context = replace(context_of(engine, folder, clock), owner=owner)
    with reading(engine) as connection:
        sending = open_sending(connection, context, run_row(engine, run_id), MessageKind.OFFER)
    prepare(sending, now=clock.now(), until=clock.now())
    return sending


def rows(engine: Engine) -> list[sa.Row[tuple[int, str, int, int]]]:
    with reading(engine) as connection:
        columns = (messages.c.id, messages.c.state, messages.c.owner, messages.c.attempts)
        return list(connection.execute(sa.select(*columns).order_by(messages.c.id)))


def test_a_message_that_another_claims_meanwhile_stays_theirs(ledger: Engine, tmp_path: Path) -> None:
    clock = InterruptingClock()
    sending = prepared(ledger, tmp_path, clock, owner=1)
    others = [row.id for row in rows(ledger)][2:4]
    taken = {"state": MessageState.SENDING, "owner": 2, "attempts": 1, "sending_at": clock.now()}

    def take() -> None:
        with writing(ledger) as connection:
            connection.execute(sa.update(messages).where(messages.c.id.in_(others)).values(taken))

    now = clock.now()
    clock.meanwhile = take  # the next messages have been read by then
    claimed = claim(sending, now, 8, now + timedelta(minutes=1))
    assert clock.meanwhile is None
    assert {email.message_id for email in claimed.emails}.isdisjoint(others)
    assert {row.id for row in rows(ledger) if row.owner == 1} == {each.message_id for each in claimed.emails}
    assert {row.owner for row in rows(ledger) if row.id in others} == {2}
    assert {row.attempts for row in rows(ledger)} == {1}


def test_nothing_is_claimed_with_words_that_were_mended_meanwhile(ledger: Engine, tmp_path: Path) -> None:
    clock = InterruptingClock()
    sending = prepared(ledger, tmp_path, clock)
    mend = sa.update(runs).values(words_id=7)

    def mended() -> None:
        with writing(ledger) as connection:
            connection.execute(mend)

    now = clock.now()
    clock.meanwhile = mended
    claimed = claim(sending, now, 8, now + timedelta(minutes=1))
    assert not claimed.emails
    assert {row.state for row in rows(ledger)} == {MessageState.READY}


def test_those_that_may_not_go_are_held_amid_those_that_leave(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, clock=clock)
    with writing(ledger) as connection:
        refusing = (
            sa.update(customers).where(customers.c.customer_id.in_((2, 5))).values(accepts_marketing=False)
        )
        connection.execute(refusing)
    send_slice(context_of(ledger, tmp_path, clock), run_id=run_id, until=clock.now() + timedelta(minutes=1))
    assert [row.state for row in rows(ledger)].count(MessageState.HELD) == 2
    assert len(lines_of(tmp_path)) == 6
