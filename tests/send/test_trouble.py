"""Trouble that isn't the recipients': the transport is held, nobody loses an attempt, and all leave once it is over."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.security.outages import mail_server
from tests.send.room import context_of, ready_to_send
from tests.shop import run_row
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import audit, messages
from tillroll.send.context import SendContext
from tillroll.send.hold import Hold, list_holds, resume
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.send.trouble import Trouble

PEOPLE = 12
Answer = Callable[["Moody"], str | None]


@dataclass
class Moody:
    """A mail server that refuses for a reason of its own, until it is well again."""

    sender: str | None = None  # what it answers to MAIL FROM
    recipient: str | None = None  # to RCPT TO
    content: str | None = None  # to the message
    most_of_a_connection: int = 10**6  # then 421, and it closes
    only: str = ""  # refuses recipients that begin so; empty: all
    taken: Counter[str] = field(default_factory=Counter)
    senders: set[str] = field(default_factory=set)
    offered: int = 0  # messages whose recipient was named
    connections: int = 0

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name, session.taken = hostname, 0
        self.connections += 1
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if session.taken >= self.most_of_a_connection:
            asyncio.get_running_loop().call_later(0.01, server.transport.close)
            return "421 4.7.0 too many messages on this connection"
        if self.sender is not None:
            return self.sender
        envelope.mail_from = address
        self.senders.add(address)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.offered += 1
        if self.recipient is not None and address.startswith(self.only):
            return self.recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.content is not None:
            return self.content
        session.taken += 1
        self.taken[envelope.rcpt_tos[0]] += 1
        return "250 taken"


@contextmanager
def served(moody: Moody) -> Iterator[Smtp]:
    with mail_server(moody) as address:
        yield Smtp(SmtpServer.from_url(address))


def send(context: SendContext, run_id: int, *, turns: int = 1) -> datetime | None:
    """Send slice after slice, each when the one before says. Returns when to continue, or None."""
    clock, next_at = context.clock, None
    assert isinstance(clock, FakeClock)
    for turn in range(turns):
        next_at = send_slice(context, run_id=run_id, until=clock.now() + timedelta(minutes=1))
        if next_at is None:
            return None
        if turn + 1 < turns:
            clock.pass_by(max(0.0, (next_at - clock.now()).total_seconds()))
    return next_at


def held(engine: Engine) -> list[Hold]:
    with reading(engine) as connection:
        return list_holds(connection)


def rows(engine: Engine) -> Counter[tuple[str, int]]:
    """Return how many messages are in each state, with how many attempts."""
    with reading(engine) as connection:
        query = sa.select(messages.c.state, messages.c.attempts)
        return Counter((row.state, row.attempts) for row in connection.execute(query))


def told(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(
            connection.scalars(
                sa.select(audit.c.action).where(audit.c.action.like("send.%")).order_by(audit.c.id)
            )
        )


@pytest.mark.parametrize(
    ("where", "answer", "trouble"),
    [
        ("sender", "553 5.1.8 sender refused", Trouble.SENDER),
        ("sender", "530 5.7.0 Must issue a STARTTLS command first", Trouble.LOGIN),
        ("sender", "452 4.3.1 insufficient system storage", Trouble.LIMIT),
        ("recipient", "550 daily limit reached", Trouble.LIMIT),
        ("recipient", "550 5.7.1 relaying denied", Trouble.POLICY),
        ("recipient", "450 too many messages a minute", Trouble.LIMIT),
        ("content", "552 5.3.4 message too big", Trouble.SIZE),
        ("content", "554 5.7.1 refused by policy", Trouble.POLICY),
    ],
)
def test_a_refusal_that_is_nobodys_holds_the_transport_and_costs_no_attempt(
    ledger: Engine, tmp_path: Path, where: str, answer: str, trouble: Trouble
) -> None:
    clock, moody = FakeClock(), Moody(**{where: answer})
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with served(moody) as smtp:
        context = replace(context_of(ledger, tmp_path, clock), transport=smtp)
        next_at = send(context, run_id, turns=4)
        (hold,) = held(ledger)
        assert hold.trouble is trouble
        assert answer.split()[-1] in hold.sentence
        assert next_at is not None
        assert next_at > clock.now(), "it waits, and asks only now and then"
        assert moody.offered <= 3 + 3 + 1  # what showed the trouble, then one e-mail a try
        assert rows(ledger) == {(MessageState.READY, 0): PEOPLE}
        assert told(ledger) == ["send.hold"], "once"
        moody.sender = moody.recipient = moody.content = None
        send(context, run_id, turns=4)
    assert run_row(ledger, run_id).state == RunState.TRACKING
    assert set(moody.taken.values()) == {1}
    assert rows(ledger) == {(MessageState.SENT, 1): PEOPLE}
    assert held(ledger) == []
    assert told(ledger) == ["send.hold", "send.resume", "send.done"]


def test_a_server_that_is_away_for_a_day_costs_nobody_their_e_mail(ledger: Engine, tmp_path: Path) -> None:
    clock, moody = FakeClock(), Moody()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    nowhere = Smtp(SmtpServer.from_url("smtp://127.0.0.1:1"))
    context = replace(context_of(ledger, tmp_path, clock), transport=nowhere)
    began = clock.now()
    while clock.now() < began + timedelta(days=1):
        send(context, run_id, turns=2)
    assert [hold.trouble for hold in held(ledger)] == [Trouble.UNREACHABLE]
    assert rows(ledger) == {(MessageState.READY, 0): PEOPLE}
    with served(moody) as smtp:
        send(replace(context, transport=smtp), run_id, turns=4)
    assert set(moody.taken.values()) == {1}
    assert rows(ledger) == {(MessageState.SENT, 1): PEOPLE}


def test_a_person_can_have_it_tried_at_once(ledger: Engine, tmp_path: Path) -> None:
    clock, moody = FakeClock(), Moody(sender="553 no")
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with served(moody) as smtp:
        context = replace(context_of(ledger, tmp_path, clock), transport=smtp)
        send(context, run_id, turns=3)
        moody.sender = None
        assert send(context, run_id) is not None, "not yet"
        assert not moody.taken
        assert [hold.trouble for hold in resume(ledger, {"smtp"}, person="ana@shop.example", now=clock.now())]
        assert send(context, run_id) is None
    assert moody.taken.total() == PEOPLE


@pytest.mark.parametrize("most", [1, 5])
def test_a_server_that_ends_connections_after_a_few_e_mails_gets_them_all(
    ledger: Engine, tmp_path: Path, most: int
) -> None:
    clock, moody = FakeClock(), Moody(most_of_a_connection=most)
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with served(moody) as smtp:
        send(replace(context_of(ledger, tmp_path, clock), transport=smtp), run_id)
    assert rows(ledger) == {(MessageState.SENT, 1): PEOPLE}
    assert set(moody.taken.values()) == {1}
    assert moody.connections == -(-PEOPLE // most)


def test_a_refused_recipient_fails_alone_and_nothing_is_held(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    moody = Moody(recipient="550 5.1.1 no such user", only="customer1@")
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with served(moody) as smtp:
        send(replace(context_of(ledger, tmp_path, clock), transport=smtp), run_id)
    assert rows(ledger) == {(MessageState.SENT, 1): PEOPLE - 1, (MessageState.FAILED, 1): 1}
    assert held(ledger) == []


def test_one_doubtful_refusal_is_tried_again_and_then_fails_alone(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    moody = Moody(recipient="554 refused", only="customer1@")
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)
    with served(moody) as smtp:
        assert send(replace(context_of(ledger, tmp_path, clock), transport=smtp), run_id, turns=6) is None
    assert rows(ledger) == {(MessageState.SENT, 1): PEOPLE - 1, (MessageState.FAILED, 3): 1}
    assert held(ledger) == []


def test_a_greylisting_server_gets_every_e_mail_for_days(ledger: Engine, tmp_path: Path) -> None:
    clock, moody = FakeClock(), Moody(recipient="450 4.2.0 greylisted")
    run_id = ready_to_send(ledger, people=2, clock=clock)
    began = clock.now()
    with served(moody) as smtp:
        context = replace(context_of(ledger, tmp_path, clock), transport=smtp)
        while clock.now() < began + timedelta(days=4):
            assert send(context, run_id, turns=2) is not None
        assert held(ledger) == []
        moody.recipient = None
        assert send(context, run_id, turns=2) is None
    assert moody.taken.total() == 2


def test_a_server_that_drops_after_the_data_makes_few_unknown(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=PEOPLE, clock=clock)

    class Dropping(Moody):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            server.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            return "250 lost"

    with served(Dropping()) as smtp:
        send(replace(context_of(ledger, tmp_path, clock), transport=smtp), run_id)
    assert rows(ledger) == {(MessageState.UNKNOWN, 1): 2, (MessageState.READY, 0): PEOPLE - 2}
    assert [hold.trouble for hold in held(ledger)] == [Trouble.UNREACHABLE]
