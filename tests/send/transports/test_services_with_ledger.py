"""A run that is sent by a mail service: held in trouble, gone on with afterwards, each e-mail once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, ready_to_send
from tests.send.test_trouble import held, rows, send
from tests.send.transports.fake import FakeService, Mood, serving
from tests.send.transports.fakes import FakePostmark, FakeResend
from tests.shop import run_row
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import messages
from tillroll.send.context import SendContext
from tillroll.send.trouble import Trouble
from tillroll.settings import from_mapping
from tillroll.wiring import open_transport

PEOPLE = 12


def context_with(ledger: Engine, folder: Path, clock: FakeClock, fake: FakeService) -> SendContext:
    way = open_transport(from_mapping({"MAIL_URL": fake.address}), clock)
    return replace(context_of(ledger, folder, clock), transport=way)


def everybody_has_one(fake: FakeService) -> bool:
    return Counter(taken.key for taken in fake.taken).values() and len(fake.taken) == PEOPLE == len(
        {taken.key for taken in fake.taken}
    )


def test_a_quota_holds_the_run_until_the_service_says_and_costs_no_attempt(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with serving(FakePostmark(unknown="", mood=Mood.SLOW_DOWN, retry_after="3000")) as fake:
        context = context_with(ledger, tmp_path, clock, fake)
        send(context, run_id)
        (hold,) = held(ledger)
        assert (hold.transport, hold.trouble) == ("postmark", Trouble.LIMIT)
        assert hold.probe_at == clock.now() + timedelta(seconds=3000)
        assert rows(ledger) == {("ready", 0): PEOPLE}
        fake.mood = Mood.WELL
        assert send(context, run_id, turns=6) is None
        assert everybody_has_one(fake)
    assert run_row(ledger, run_id).state == RunState.TRACKING


def test_a_service_that_is_away_costs_nobody_an_attempt(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with serving(FakePostmark(unknown="", mood=Mood.BROKEN)) as fake:
        context = context_with(ledger, tmp_path, clock, fake)
        send(context, run_id, turns=4)
        assert [hold.trouble for hold in held(ledger)] == [Trouble.UNREACHABLE]
        assert sum(count for (state, _), count in rows(ledger).items() if state == "ready") == PEOPLE
        fake.mood = Mood.WELL
        assert send(context, run_id, turns=20) is None
        assert everybody_has_one(fake)
        assert held(ledger) == []


def test_a_lost_answer_leaves_as_many_unknown_as_its_request_held(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with serving(FakePostmark(unknown="", mood=Mood.CUT, for_requests=1)) as fake:
        context = context_with(ledger, tmp_path, clock, fake)
        assert send(context, run_id, turns=20) is None
        assert Counter({state: count for (state, _), count in rows(ledger).items()}) == {
            "unknown": 3,
            "sent": 9,
        }
        assert everybody_has_one(fake)


def test_a_service_that_knows_its_requests_leaves_nothing_unknown(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with serving(FakeResend(unknown="", mood=Mood.CUT, for_requests=1)) as fake:
        context = context_with(ledger, tmp_path, clock, fake)
        assert send(context, run_id, turns=20) is None
        assert rows(ledger) == {("sent", 1): PEOPLE}
        assert everybody_has_one(fake)


def test_the_ledger_says_by_what_each_e_mail_left(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with serving(FakeResend(unknown="")) as fake:
        assert send(context_with(ledger, tmp_path, clock, fake), run_id, turns=3) is None
    with reading(ledger) as connection:
        assert set(connection.scalars(sa.select(messages.c.transport))) == {"resend"}
