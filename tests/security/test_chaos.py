"""One of a hundred fails at any line of its work: the ninety-nine are served exactly once, and the one is told."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.security.chaos import (
    BOTH_DATABASES,
    EndOfProcess,
    LineTracer,
    Scenario,
    end_pauses,
    scenarios,
    told,
)
from tests.send.room import context_of, lines_of, ready_to_send
from tests.shop import ANA, run_row
from tillroll.approve.faults import try_again
from tillroll.campaign.states import FaultState, ItemKind, MessageKind, MessageState, RunState
from tillroll.errors import Conflict
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import faults, messages, runs
from tillroll.send.context import open_sending
from tillroll.send.slices.compose import DueMessage
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.prepare import prepare

PEOPLE = 100


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


class Mailing:
    """A run with a hundred messages to send, again and again."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.clock, self.times = engine, folder, FakeClock(), 0
        self.run_id = ready_to_send(engine, people=PEOPLE, clock=self.clock)
        with reading(engine) as connection:
            sending = open_sending(
                connection, self._context(), run_row(engine, self.run_id), MessageKind.OFFER
            )
        prepare(sending, now=self.clock.now(), until=self.clock.now())
        with reading(engine) as connection:
            self.ids = list(connection.scalars(sa.select(messages.c.id).order_by(messages.c.id)))
        self.victim = self.ids[PEOPLE // 2]

    def _context(self) -> Any:
        return context_of(self.engine, self.folder / str(self.times), self.clock)

    def is_victim(self, name: str, value: Any) -> bool:
        if isinstance(value, DueMessage):
            return value.id == self.victim
        if isinstance(value, list) and len(value) == 1:
            return self.is_victim("", value[0])
        return (name == "message_id" and value == self.victim) or (
            getattr(value, "message_id", None) == self.victim
        )

    def again(self) -> None:
        """Put everything back to before the first message left, with an empty outbox."""
        self.times += 1
        with writing(self.engine) as connection:
            connection.execute(sa.delete(faults))
            ready = {"state": MessageState.READY, "attempts": 0, "reason": "", "not_before": None}
            connection.execute(sa.update(messages).values(ready))
            connection.execute(sa.update(runs).values(state=RunState.SENDING, not_before=None))

    def send(self, tracer: LineTracer) -> None:
        """Send slices as the worker does, until the run has ended or nothing changes any more."""
        for _ in range(4):
            with tracer.watching():
                send_slice(self._context(), run_id=self.run_id, until=self.clock.now() + timedelta(seconds=5))
            end_pauses(self.engine)
            if run_row(self.engine, self.run_id).state == RunState.TRACKING:
                return

    def states(self) -> dict[int, MessageState]:
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(messages.c.id, messages.c.state))
            return {row.id: MessageState(row.state) for row in rows}

    def left(self) -> Counter[str]:
        """How often each message left, by its key."""
        return Counter(line["key"] for line in lines_of(self.folder / str(self.times)))

    def check(self, scenario: Scenario) -> None:
        """The ninety-nine were served exactly once, the run has ended, and the victim was served once or is told."""
        with reading(self.engine) as connection:
            keys = {row.id: row.message_key for row in connection.execute(sa.select(messages))}
        left, states = self.left(), self.states()
        others = [id_ for id_ in self.ids if id_ != self.victim]
        assert {states[id_] for id_ in others} == {MessageState.SENT}, scenario
        assert [left[keys[id_]] for id_ in others] == [1] * (PEOPLE - 1), scenario
        assert run_row(self.engine, self.run_id).state == RunState.TRACKING, scenario
        assert left[keys[self.victim]] <= 1, scenario
        with reading(self.engine) as connection:
            own = sa.select(messages.c.reason).where(messages.c.id == self.victim)
            reason = connection.scalar(own)
        if states[self.victim] is not MessageState.SENT:
            found = told(self.engine, self.clock.now())
            assert reason or found, scenario
            if not found:
                assert states[self.victim] is not MessageState.READY, scenario
                return  # the product took the fault for one it knows, and said so in the message's row
            (fault,) = found
            assert (fault.kind, fault.item) == (ItemKind.MESSAGE, str(self.victim)), scenario
            assert fault.state is FaultState.SET_ASIDE, scenario
        else:
            assert left[keys[self.victim]] == 1, scenario


def all_messages(engine: Engine, folder: Path, *, most: int, seed: int) -> None:
    mailing = Mailing(engine, folder)
    dry = LineTracer(is_victim=mailing.is_victim)
    mailing.send(dry)
    assert len(dry.seen) > 80
    for scenario in scenarios(list(dry.seen), seed=seed, most=most):
        mailing.again()
        tracer = scenario.tracer(mailing.is_victim)
        mailing.send(tracer)
        assert tracer.raised, scenario
        mailing.check(scenario)


def test_one_message_of_a_hundred_fails(ledger: Engine, tmp_path: Path) -> None:
    all_messages(ledger, tmp_path, most=6, seed=1)


def test_a_message_that_failed_leaves_once_when_it_is_tried_again(ledger: Engine, tmp_path: Path) -> None:
    mailing = Mailing(ledger, tmp_path)
    broken = LineTracer(
        is_victim=mailing.is_victim,
        raises=lambda place: KeyError("odd") if place[0] == "send/slices/compose.py" else None,
    )
    mailing.send(broken)
    (fault,) = told(ledger, mailing.clock.now())
    try_again(ledger, fault_id=fault.id, person=ANA, now=mailing.clock.now())
    assert run_row(ledger, mailing.run_id).state == RunState.SENDING
    with pytest.raises(Conflict):
        try_again(ledger, fault_id=fault.id, person=ANA, now=mailing.clock.now())
    mailing.send(LineTracer(is_victim=mailing.is_victim))
    assert set(mailing.states().values()) == {MessageState.SENT}
    assert set(mailing.left().values()) == {1}
    assert len(mailing.left()) == PEOPLE


def test_a_fault_of_every_message_is_the_runs(ledger: Engine, tmp_path: Path) -> None:
    mailing = Mailing(ledger, tmp_path)
    every = LineTracer(
        is_victim=lambda name, _value: name == "sending",
        raises=lambda place: KeyError("odd") if place[0] == "send/slices/compose.py" else None,
    )
    with pytest.raises(KeyError):
        mailing.send(every)
    assert set(mailing.states().values()) == {MessageState.READY}


def test_the_end_of_the_process_passes(ledger: Engine, tmp_path: Path) -> None:
    mailing = Mailing(ledger, tmp_path)
    tracer = LineTracer(is_victim=mailing.is_victim, raises=lambda _place: EndOfProcess())
    with pytest.raises(EndOfProcess):
        mailing.send(tracer)
    assert told(ledger, mailing.clock.now()) == []


@pytest.mark.once
def test_one_message_of_a_hundred_fails_at_every_line(ledger: Engine, tmp_path: Path) -> None:
    all_messages(ledger, tmp_path, most=1_000, seed=2)
