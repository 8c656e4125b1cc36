"""Workers die by SIGKILL around the weekly report: each reader gets it at most once, and who surely wasn't sent it gets it."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from pathlib import Path
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from tests.crash.points import Point
from tests.crash.worker import PATIENCE, installation, start_worker, worker_log
from tests.forks import Child
from tests.security.outages import mail_server
from tests.store import running
from tillroll.campaign.language.notices import Weekday
from tillroll.campaign.states import MessageState, NoticeKind
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import notices
from tillroll.wiring import Services

ZONE = ZoneInfo("Europe/Ljubljana")  # the sandbox's
READERS = tuple(f"reader-{number:02}@shop.example" for number in range(12))


def _point(name: str, function: str, when: Any, time: int = 1) -> Point:
    return Point(name=name, function=f"tillroll.{function}", when=when, time=time)


BY_MAIL = "loop.notices.by_mail"
SURELY_NOT = (  # every e-mail has been taken and recorded, or has not begun to leave
    _point("kept, not committed", "ledger.people.notices:keep", "left"),
    _point("kept", "loop.notices.weekly:keep_weekly_reports", "left"),
    _point("claimed, not committed", "ledger.people.notices:claim_notices", "left"),
    _point("some claimed", f"{BY_MAIL}:_claimed", "left", 5),
    _point("all claimed", "send.transports.smtp:Smtp.deliver", "entered"),
    _point("about to leave", f"{BY_MAIL}:_Leaving.leaves", "entered"),
    _point("marked as leaving, not committed", "ledger.people.notices:mark_leaving", "left", 2),
    _point("recorded", f"{BY_MAIL}:_record", "left", 2),
)
PERHAPS = (  # one e-mail may have left
    _point("marked as leaving", f"{BY_MAIL}:_Leaving.leaves", "left"),
    _point("taken, nothing written", f"{BY_MAIL}:_record", "entered"),
    _point("what became of it written, not committed", "ledger.audit:record", "left", 2),
)


@dataclass(kw_only=True)
class Readers:
    """A mail server that counts to whom it took a report, and may kill the worker amid one."""

    taken: Counter[str] = field(default_factory=Counter)
    worker: Child | None = None  # to kill amid the next e-mail
    was_amid: Event = field(default_factory=Event)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        assert " the week of " in str(message_from_bytes(envelope.content)["Subject"])
        self.taken.update(envelope.rcpt_tos)
        if self.worker is not None:
            self.worker.send_signal(signal.SIGKILL)
            self.worker = None
            self.was_amid.set()
        return "250 taken"


@dataclass(kw_only=True)
class Desk:
    """An installation whose report is due, and the workers that die for it."""

    parts: Services
    environment: dict[str, str]
    readers: Readers
    unknown: int = 0  # how many may be unknown by now

    def die(self, point: Point) -> None:
        worker = start_worker(self.environment, first=point.trap)
        ended = worker.wait(timeout=PATIENCE)
        log = worker_log(self.environment).read_text()
        assert ended == -signal.SIGKILL, f"it never came to {point.name}: {log}"
        self.unknown += point in PERHAPS
        self.holds(point.name)

    def die_amid(self) -> None:
        """Let a worker die while the mail server takes an e-mail."""
        worker = self.readers.worker = start_worker(self.environment)
        assert self.readers.was_amid.wait(PATIENCE), worker_log(self.environment).read_text()
        assert worker.wait(timeout=PATIENCE) == -signal.SIGKILL
        self.unknown += 1
        self.holds("amid an e-mail")

    def holds(self, after: str) -> dict[str, MessageState]:
        """Check that nobody has got two, and that what is called sent was taken. Returns the states by address."""
        states = self.states()
        assert set(self.readers.taken.values()) <= {1}, f"{after}: somebody got two"
        assert all(self.readers.taken[each] for each in states if states[each] is MessageState.SENT), after
        open_ = [each for each in states.values() if each is MessageState.UNKNOWN]
        assert len(open_) <= self.unknown, after
        return states

    def states(self) -> dict[str, MessageState]:
        query = sa.select(notices.c.address, notices.c.state).where(notices.c.kind == NoticeKind.REPORT)
        with reading(self.parts.engine) as connection:
            assert first_broken_row(connection) is None
            return {row.address: MessageState(row.state) for row in connection.execute(query)}

    def finish(self) -> dict[str, MessageState]:
        """Let a worker live until every report is settled."""
        worker = start_worker(self.environment)
        deadline = time.monotonic() + PATIENCE
        settled = {MessageState.SENT, MessageState.UNKNOWN}
        log = worker_log(self.environment)
        while set(self.states().values()) - settled or b"worker.started" not in log.read_bytes():
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"never settled: {self.states()}"
            time.sleep(0.1)
        worker.terminate()
        assert worker.wait(timeout=PATIENCE) == 0
        return self.holds("the end")


@contextmanager
def desk(url: str, home: Path) -> Iterator[Desk]:
    folder, readers = home / "files", Readers()
    for place in ("campaigns", "rules"):
        (folder / place).mkdir(parents=True)
    today = list(Weekday)[datetime.now(ZONE).weekday()].value
    who = ", ".join(READERS[:7]), ", ".join(READERS[5:])
    rules = [f"  - {{to: [{each}], weekday: {today}, hour: 0}}\n" for each in who]
    (folder / "rules" / "reports.yaml").write_text("".join(["weekly:\n", *rules]), encoding="utf-8")
    with (
        mail_server(readers) as address,
        running(home / "store", customers=5) as store,
        installation(store, url, home, folder=folder) as (parts, environment),
    ):
        yield Desk(parts=parts, environment={**environment, "MAIL_URL": address}, readers=readers)


@pytest.mark.slow
def test_who_surely_was_not_sent_a_report_gets_it(database_url: str, tmp_path: Path) -> None:
    with desk(database_url, tmp_path) as made:
        for point in SURELY_NOT:
            made.die(point)
        assert set(made.finish().values()) == {MessageState.SENT}
        assert made.readers.taken == Counter(READERS)


@pytest.mark.slow
def test_one_report_a_kill_may_be_unknown_and_nobody_gets_two(database_url: str, tmp_path: Path) -> None:
    with desk(database_url, tmp_path) as made:
        for point in PERHAPS:
            made.die(point)
        made.die_amid()
        states = made.finish()
        unknown = {each for each in states if states[each] is MessageState.UNKNOWN}
        assert len(unknown) == len(PERHAPS) + 1
        assert sorted(states) == sorted(READERS)
        never = set(READERS) - made.readers.taken.keys()
        assert len(never) == 1, "the one that was marked and not handed over"
        assert never <= unknown
