"""A person has e-mails sent again: those that failed at once, those that may have left with as many people as the plan took."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, lines_of, ready_to_send
from tests.shop import ANA, BEN, EVE, run_row
from tillroll.approve.send_again import SentAgain, send_again
from tillroll.campaign.states import MessageState, RunState
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.tables import audit, messages, plans, runs
from tillroll.send.slices.deliver import send_slice

FAILED, UNKNOWN, SENT = MessageState.FAILED, MessageState.UNKNOWN, MessageState.SENT


def settled(engine: Engine, folder: Path, clock: FakeClock, state: MessageState, count: int = 3) -> int:
    """Return a run whose e-mails are sent but for some, which are in another state and are not in the outbox."""
    run_id = ready_to_send(engine, clock=clock)
    send_slice(
        context_of(engine, folder / "first", clock), run_id=run_id, until=clock.now() + timedelta(minutes=1)
    )
    with writing(engine) as connection:
        some = sa.select(messages.c.id).order_by(messages.c.id).limit(count)
        values = {"state": state, "attempts": 5, "reason": "…"}
        connection.execute(
            sa.update(messages).where(messages.c.id.in_(some.scalar_subquery())).values(values)
        )
    return run_id


def go_on(engine: Engine, folder: Path, clock: FakeClock, run_id: int) -> None:
    send_slice(
        context_of(engine, folder / "again", clock), run_id=run_id, until=clock.now() + timedelta(minutes=1)
    )


def states(engine: Engine) -> Counter[str]:
    with reading(engine) as connection:
        return Counter(connection.scalars(sa.select(messages.c.state)))


@pytest.mark.parametrize("state", [FAILED, UNKNOWN])
def test_e_mails_are_sent_again_once(ledger: Engine, tmp_path: Path, state: MessageState) -> None:
    clock = FakeClock()
    run_id = settled(ledger, tmp_path, clock, state)
    assert states(ledger) == {SENT: 5, state: 3}
    again = send_again(ledger, run_id=run_id, state=state, person=ANA, note="asked", now=clock.now())
    assert again == SentAgain(count=3)
    with pytest.raises(Conflict, match=f"no e-mail that is {state}"):
        send_again(ledger, run_id=run_id, state=state, person=ANA, note="", now=clock.now())
    go_on(ledger, tmp_path, clock, run_id)
    assert len(lines_of(tmp_path / "again")) == 3
    assert states(ledger) == {SENT: 8}
    assert run_row(ledger, run_id).state == RunState.TRACKING
    with reading(ledger) as connection:
        told = connection.scalars(sa.select(audit.c.actor).where(audit.c.action == "send.again")).all()
    assert told == [ANA.email]


def test_what_may_have_left_takes_as_many_people_as_the_plan_did(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = settled(ledger, tmp_path, clock, UNKNOWN)
    with writing(ledger) as connection:
        body = connection.execute(sa.select(plans.c.body)).scalar_one()
        connection.execute(sa.update(plans).values(body={**body, "approvers": 2}))
    first = send_again(ledger, run_id=run_id, state=UNKNOWN, person=ANA, note="", now=clock.now())
    assert isinstance(first, PendingAgreement)
    assert "agreed to send again the e-mails of run 1 that may have left" in str(first)
    assert states(ledger)[UNKNOWN] == 3
    with pytest.raises(Refused, match="has agreed already"):
        send_again(ledger, run_id=run_id, state=UNKNOWN, person=ANA, note="", now=clock.now())
    both = send_again(ledger, run_id=run_id, state=UNKNOWN, person=BEN, note="", now=clock.now())
    assert both == SentAgain(count=3)


def test_nobody_else_may_and_nothing_leaves_of_a_halted_run(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = settled(ledger, tmp_path, clock, FAILED)
    with pytest.raises(NotAllowed):
        send_again(ledger, run_id=run_id, state=FAILED, person=EVE, note="", now=clock.now())
    with writing(ledger) as connection:
        connection.execute(sa.update(runs).values(state=RunState.HALTED))
    with pytest.raises(Conflict, match="halted"):
        send_again(ledger, run_id=run_id, state=FAILED, person=ANA, note="", now=clock.now())
    assert states(ledger) == {SENT: 5, FAILED: 3}
