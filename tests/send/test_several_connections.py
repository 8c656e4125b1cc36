"""Several connections at once: each e-mail leaves once, and what is lost with one of them costs the others nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.security.outages import free_port
from tests.send.room import context_of, message, ready_to_send
from tillroll.campaign.states import MessageState, WireState
from tillroll.clock import SystemClock
from tillroll.errors import Misconfigured
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import messages
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transport import OPEN, Delivery, Departed, Gate
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.send.trouble import Trouble

MINUTE = timedelta(minutes=1)
SENT = DeliveryOutcome.SENT


class Office:
    """A mail server that counts what it takes and how many connections talk to it; `reply` answers each e-mail, by its number."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.each: Counter[int] = Counter()  # e-mails taken on each connection
        self.at_once = self.most_at_once = self.made = 0
        self.takes, self.connections = 10_000, 10_000  # e-mails on a connection; connections at once
        self.seconds = 0.0  # for each e-mail

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.each[id(session)] >= self.takes:
            server.transport.close()
            return "421 enough on this connection"
        envelope.mail_from = address
        return "250 fine"

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.made += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once > self.connections:
            self.at_once -= 1
            server.transport.close()
            return ["421 too many connections"]
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.each[id(session)] += 1
        await asyncio.sleep(self.seconds)
        self.taken[str(message_from_bytes(envelope.content)["Message-ID"])] += 1
        return self.reply(self.taken.total())

    def reply(self, count: int) -> str:
        return "250 taken"


class _Server(Server):
    """Counts when a connection ends."""

    def connection_lost(self, error: Exception | None) -> None:
        if self.session is not None and self.session.host_name:
            self.event_handler.at_once -= 1
        super().connection_lost(error)


class _Controller(Controller):
    def factory(self) -> Server:
        return _Server(self.handler, decode_data=False)


@contextmanager
def serving(office: Office, options: str) -> Iterator[Smtp]:
    controller = _Controller(office, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield Smtp(SmtpServer.from_url(f"smtp://127.0.0.1:{controller.port}/?{options}"))
    finally:
        controller.stop()


def some(count: int) -> list[Outgoing]:
    return [message(number) for number in range(1, count + 1)]


def outcomes(deliveries: Sequence[Delivery]) -> Counter[DeliveryOutcome]:
    return Counter(delivery.outcome for delivery in deliveries)


def test_e_mails_leave_on_several_connections_each_once() -> None:
    office = Office()
    office.seconds = 0.02
    with serving(office, "connections=5") as smtp:
        assert outcomes(list(smtp.deliver(some(60)))) == {SENT: 60}
    assert set(office.taken.values()) == {1}
    assert len(office.taken) == 60
    assert office.most_at_once == 5


def test_no_more_e_mails_go_by_a_connection_than_the_address_says() -> None:
    office = Office()
    with serving(office, "connections=2&per_connection=4") as smtp:
        assert outcomes(list(smtp.deliver(some(30)))) == {SENT: 30}
    assert max(office.each.values()) <= 4


def test_a_server_that_ends_connections_after_some_e_mails_costs_none() -> None:
    office = Office()
    office.takes = 5
    with serving(office, "connections=3") as smtp:
        assert outcomes(list(smtp.deliver(some(100)))) == {SENT: 100}
        made = office.made
        assert outcomes(list(smtp.deliver([message(number) for number in range(101, 131)]))) == {SENT: 30}
    assert set(office.taken.values()) == {1}
    assert len(office.taken) == 130
    assert office.made - made <= 30 // 5 + 3, "it was learnt how many it takes"


def test_a_server_that_takes_few_connections_gets_no_more() -> None:
    office = Office()
    office.connections, office.seconds = 2, 0.01
    with serving(office, "connections=6") as smtp:
        assert outcomes(list(smtp.deliver(some(40)))) == {SENT: 40}
    assert len(office.taken) == 40
    assert office.made <= 6


def test_a_server_that_is_away_is_tried_by_one_connection_and_no_e_mail_is_at_fault() -> None:
    smtp = Smtp(SmtpServer.from_url("smtp://127.0.0.1:9/?connections=4"))
    found = list(smtp.deliver(some(10)))
    assert outcomes(found) == {DeliveryOutcome.UNTRIED: 10}
    assert {delivery.trouble for delivery in found} == {Trouble.UNREACHABLE}


def test_one_refused_recipient_costs_no_other_with_pipelining() -> None:
    class Choosy(Office):
        async def handle_RCPT(
            self, server: Any, session: Any, envelope: Any, address: str, options: Any
        ) -> str:
            if address == "customer7@example.com":
                return "550 5.1.1 no such mailbox"
            envelope.rcpt_tos.append(address)
            return "250 fine"

    office = Choosy()
    with serving(office, "connections=2") as smtp:
        found = list(smtp.deliver(some(20)))
    assert outcomes(found) == {SENT: 19, DeliveryOutcome.FAILED: 1}
    assert [delivery.message_id for delivery in found if delivery.outcome is not SENT] == [7]


def answered_in_threes(peer: socket.socket, last: bytes) -> list[bytes]:
    """Answer as a server does that offers pipelining and waits for the whole envelope. Returns the lines of one message."""
    with peer, peer.makefile("rb") as lines:
        peer.sendall(b"220 mail\r\n")
        lines.readline()
        peer.sendall(b"250-mail\r\n250 PIPELINING\r\n")
        envelope = [lines.readline() for _ in range(3)]
        peer.sendall(b"250 fine\r\n550 5.1.1 no such mailbox\r\n" + last)
        content: list[bytes] = []
        if last.startswith(b"354"):
            while (line := lines.readline()) != b".\r\n":
                content.append(line)
            peer.sendall(b"554 nobody to send it to\r\n")
        peer.sendall(b"250 forgotten\r\n" if lines.readline() == b"RSET\r\n" else b"")
        return [*envelope, *content]


@pytest.mark.parametrize("last", [b"503 no recipients\r\n", b"354 go on\r\n"])
def test_the_envelope_is_sent_at_once_and_nothing_after_a_refusal(last: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        lines = threads.submit(lambda: answered_in_threes(listener.accept()[0], last))
        url = f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        (delivery,) = Smtp(SmtpServer.from_url(url), seconds=60.0).deliver([message(1)])
        sent = lines.result(timeout=60.0)
    assert delivery.outcome is DeliveryOutcome.FAILED
    assert [line.split()[0] for line in sent] == [b"MAIL", b"RCPT", b"DATA"], "no content"


class ClosingGate:
    """Lets some e-mails leave and no more, and says what it was asked."""

    def __init__(self, most: int) -> None:
        self.most, self.left = most, set[int]()
        self.threads = set[int]()

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        self.threads.add(threading.get_ident())
        return len(self.left) < self.most

    def leaves(self, message: Outgoing) -> bool:
        return message.message_id in self.leave_together([message])

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        self.threads.add(threading.get_ident())
        ours = [message.message_id for message in messages][: self.most - len(self.left)]
        self.left |= set(ours)
        return frozenset(ours)


def test_what_the_gate_keeps_back_has_not_left() -> None:
    office, gate = Office(), ClosingGate(12)
    with serving(office, "connections=4") as smtp:
        found = list(smtp.deliver(some(40), gate))
    assert outcomes(found) == {SENT: 12}
    assert {delivery.message_id for delivery in found} == gate.left
    assert office.taken.total() == 12
    assert gate.threads == {threading.get_ident()}, "the ledger is used by one thread"


def test_whoever_stops_listening_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    office = Office()
    office.seconds = 0.01
    with serving(office, "connections=4") as smtp:
        deliveries = smtp.deliver(some(40), OPEN)
        next(deliveries)
        deliveries.close()  # type: ignore[attr-defined] # it is a generator
        names = {thread.name for thread in threading.enumerate()}
    assert "tillroll-smtp" not in names
    assert threading.active_count() <= before


def test_the_rate_of_the_address_is_kept() -> None:
    office = Office()
    with serving(office, "connections=3&rate=50/s") as smtp:
        began = SystemClock().monotonic()
        assert outcomes(list(smtp.deliver(some(11)))) == {SENT: 11}
        took = SystemClock().monotonic() - began
    assert took >= 10 / 50


@pytest.mark.parametrize(
    "options", ["connections=0", "connections=51", "connections=x", "rate=9", "per_connection=-1", "other=1"]
)
def test_an_option_that_is_not_understood_is_refused(options: str) -> None:
    with pytest.raises(Misconfigured, match="option"):
        SmtpServer.from_url(f"smtp://mail.example/?{options}")


def test_a_run_leaves_on_several_connections_with_its_ledger(ledger: Engine, tmp_path: Path) -> None:
    class Flaky(Office):
        def reply(self, count: int) -> str:
            return "450 4.2.0 try later" if count % 9 == 0 else "250 taken"

    clock, office = FakeClock(), Flaky()
    run_id = ready_to_send(ledger, people=40, clock=clock)
    with serving(office, "connections=4") as smtp:
        context = replace(context_of(ledger, tmp_path, clock), transport=smtp)
        send_slice(context, run_id=run_id, until=clock.now() + MINUTE)
        clock.pass_by(3600.0)
        send_slice(context, run_id=run_id, until=clock.now() + MINUTE)
    with reading(ledger) as connection:
        rows = connection.execute(sa.select(messages.c.state, messages.c.wire)).all()
    assert Counter(row.state for row in rows) == {MessageState.SENT: 40}
    assert {row.wire for row in rows} == {WireState.UNMARKED}
    assert len(office.taken) == 40


class Falling:
    """A transport that fails once, while two e-mails are about to leave."""

    name, batch, keeps_log = "smtp", 100, False

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.has_failed = False

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        for message_ in messages:
            if gate.may_leave([message_]) and len(self.taken) == 3 and not self.has_failed:
                self.has_failed = True
                gate.leave_together(messages[4:6])
                raise ValueError("a mistake of ours")
            gate.leaves(message_)
            self.taken.append(message_.message_id)
            yield Delivery(message_id=message_.message_id, outcome=SENT)

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        return None


def test_what_was_about_to_leave_when_a_transport_fails_is_unknown_and_is_not_sent_again(
    ledger: Engine, tmp_path: Path
) -> None:
    clock, falling = FakeClock(), Falling()
    run_id = ready_to_send(ledger, people=12, clock=clock)
    context = replace(context_of(ledger, tmp_path, clock), transport=falling)
    send_slice(context, run_id=run_id, until=clock.now() + MINUTE)
    with reading(ledger) as connection:
        found = {row.id: row.state for row in connection.execute(sa.select(messages.c.id, messages.c.state))}
    unknown = {message_id for message_id, state in found.items() if state == MessageState.UNKNOWN}
    assert Counter(found.values()) == {MessageState.SENT: 10, MessageState.UNKNOWN: 2}
    assert unknown.isdisjoint(falling.taken)
    assert len(falling.taken) == len(set(falling.taken)) == 10
