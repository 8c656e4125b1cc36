"""Bad days of a mail server, with many people: greylisting, a quota, a wrong password for an hour, short connections."""

from __future__ import annotations

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.send.room import context_of, ready_to_send
from tests.send.test_trouble import held, rows, send, told
from tests.shop import run_row
from tillroll.campaign.states import MessageState, RunState
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer
from tillroll.send.trouble import Trouble


@dataclass
class BadDays:
    """A mail server by the test's clock."""

    clock: FakeClock
    greylisted_for: timedelta = timedelta(0)  # from each recipient's first attempt
    a_day: int = 10**9  # e-mails
    wrong_password_until: datetime | None = None
    a_connection: int = 10**9  # e-mails, then 421
    taken: Counter[str] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)  # e-mails taken on each
    connections: int = 0
    logins: int = 0
    first_seen: dict[str, datetime] = field(default_factory=dict)

    def login(self) -> str:
        self.logins += 1
        until = self.wrong_password_until
        return "535 5.7.8 bad credentials" if until is not None and self.clock.now() < until else "235 fine"

    def recipient(self, address: str) -> str:
        now = self.clock.now()
        if self.days[now.date()] >= self.a_day:
            return "452 4.5.3 daily sending quota exceeded"
        if now < self.first_seen.setdefault(address, now) + self.greylisted_for:
            return "450 4.2.0 greylisted, try again later"
        return "250 fine"

    def take(self, address: str) -> None:
        self.taken[address] += 1
        self.days[self.clock.now().date()] += 1


@contextmanager
def served(server: BadDays, *, login: bool = False) -> Iterator[Smtp]:
    """Serve it from a thread; yields the transport that uses it."""

    class Talk(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            server.connections += 1
            taken, reader = 0, ""
            self.say("220 bad days")
            while line := self.rfile.readline().decode():
                word = line[:4].upper()
                if word == "EHLO":
                    self.say("250-bad days\r\n250-AUTH PLAIN\r\n250 PIPELINING")
                elif word == "AUTH":
                    self.say(server.login())
                elif word == "MAIL" and taken >= server.a_connection:
                    self.say("421 4.7.0 enough for one connection")
                    return
                elif word == "RCPT":
                    address = line[line.index("<") + 1 : line.index(">")]
                    answer = server.recipient(address)
                    reader = address if answer.startswith("250") else ""
                    self.say(answer)
                elif word == "DATA" and not reader:
                    self.say("554 5.5.1 no valid recipients")
                elif word == "DATA":
                    self.say("354 go on")
                    while self.rfile.readline() != b".\r\n":
                        pass
                    server.take(reader)
                    taken += 1
                    self.say("250 taken")
                elif word == "QUIT":
                    return
                else:
                    self.say("250 fine")

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        port = listener.server_address[1]
        url = f"smtp+insecure://shop:secret@127.0.0.1:{port}" if login else f"smtp://127.0.0.1:{port}"
        try:
            yield Smtp(SmtpServer.from_url(url))
        finally:
            listener.shutdown()


def send_until(
    ledger: Engine, folder: Path, clock: FakeClock, smtp: Smtp, run_id: int, *, within: timedelta
) -> None:
    """Send until the run is done. Each wait passes at once."""
    context, ends = replace(context_of(ledger, folder, clock), transport=smtp), clock.now() + within
    while send(context, run_id, turns=2) is not None:
        assert clock.now() < ends, (rows(ledger), held(ledger))
    assert run_row(ledger, run_id).state is RunState.TRACKING


def test_many_greylisted_people_have_their_e_mails_within_hours(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    server = BadDays(clock, greylisted_for=timedelta(minutes=5))
    run_id = ready_to_send(ledger, people=120, clock=clock)
    with served(server) as smtp:
        send_until(ledger, tmp_path, clock, smtp, run_id, within=timedelta(hours=3))
    assert set(server.taken.values()) == {1}
    assert {state for state, _ in rows(ledger)} == {MessageState.SENT}
    assert "send.hold" not in told(ledger), "nobody's mailbox is in trouble"


@pytest.mark.slow
def test_a_quota_of_500_a_day_with_2000_people_takes_four_days_and_says_so(
    ledger: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    server = BadDays(clock, a_day=500)
    run_id = ready_to_send(ledger, people=2_000, clock=clock)
    said = set()
    with served(server) as smtp:
        context = replace(context_of(ledger, tmp_path, clock), transport=smtp)
        while send(context, run_id, turns=2) is not None:
            for hold in held(ledger):
                assert hold.trouble is Trouble.LIMIT
                said.add(hold.sentence)
    assert list(server.days.values()) == [500] * 4
    assert set(server.taken.values()) == {1}
    assert {state for state, _ in rows(ledger)} == {MessageState.SENT}
    assert sum(attempts * count for (_, attempts), count in rows(ledger).items()) < 2_000 + 4 * 3
    assert any(
        "takes no more e-mails for now" in sentence and "quota exceeded" in sentence for sentence in said
    )


def test_a_wrong_password_for_an_hour_is_held_told_once_and_resumed(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    server = BadDays(clock, wrong_password_until=clock.now() + timedelta(hours=1))
    run_id = ready_to_send(ledger, people=12, clock=clock)
    with served(server, login=True) as smtp:
        send_until(ledger, tmp_path, clock, smtp, run_id, within=timedelta(hours=1, minutes=20))
    assert told(ledger) == ["send.hold", "send.resume", "send.done"]
    assert rows(ledger) == {(MessageState.SENT, 1): 12}
    assert set(server.taken.values()) == {1}
    assert server.logins < 20, "a wrong password is tried rarely: servers lock such users out"


@pytest.mark.slow
def test_five_e_mails_a_connection_and_10000_people(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    server = BadDays(clock, a_connection=5)
    people = 10_000 if ledger.dialect.name == "sqlite" else 1_500
    run_id = ready_to_send(ledger, people=people, clock=clock)
    with served(server) as smtp:
        send_until(ledger, tmp_path, clock, smtp, run_id, within=timedelta(hours=1))
    assert len(server.taken) == people
    assert set(server.taken.values()) == {1}
    assert rows(ledger) == {(MessageState.SENT, 1): people}
    assert "send.hold" not in told(ledger)
