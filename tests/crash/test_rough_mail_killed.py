"""A send through a mail server that fails in every way, while its senders and the server itself are killed at random.

Nobody gets two; everybody is sent, failed or unknown; what the ledger calls sent is in the server's own record. Unknown are at
most as many as answers were truly lost: those that the server's record names, and one for each connection that a kill broke. A
server that is killed can have the end of a message in its socket without having read it: its record has nothing of that one.
The size is small unless the environment asks for more: ROUGH_PEOPLE=20000 ROUGH_KILLS=200.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.crash.processes import ProcessGroup, process_group
from tests.crash.rough_mail import MailRecord, wait_for_port
from tests.crash.shop import Shop, shop
from tests.crash.worker import states
from tests.security.outages import free_port
from tests.shop import ROOT
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import messages, notices, runs
from tillroll.send.hold import resume

PEOPLE = int(os.environ.get("ROUGH_PEOPLE", "700"))
KILLS = int(os.environ.get("ROUGH_KILLS", "6"))
PATIENCE = 600.0 + PEOPLE / 5  # each kill may cost the minute that a claim of a dead sender is left alone
CONNECTIONS = 4
OF_KILLS_THE_SERVERS = 5  # one of so many


class RoughMail:
    """The mail server's process, killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port, self._record, self._started = free_port(), folder / "record.txt", 0
        self._start()

    def _start(self) -> None:
        self._started += 1
        words = [str(self.port), str(self._record), str(self._started)]
        command = [sys.executable, "-m", "tests.crash.rough_mail", *words]
        with self._record.with_name("rough-mail.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        wait_for_port(self.port)

    def kill(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def record(self) -> MailRecord:
        return MailRecord.read(self._record) if self._record.exists() else MailRecord()


@contextmanager
def rough_mail(folder: Path) -> Iterator[RoughMail]:
    mail = RoughMail(folder)
    try:
        yield mail
    finally:
        mail.stop()


def in_states(made: Shop) -> Counter[MessageState]:
    with made.parts.engine.connect() as connection:
        query = sa.select(messages.c.state, sa.func.count()).group_by(messages.c.state)
        return Counter({MessageState(state): count for state, count in connection.execute(query)})


def hurry(made: Shop) -> None:
    """Let what waits for its next attempt be tried at once: pauses are for real servers, and take hours."""
    now = datetime.now(UTC)
    with writing(made.parts.engine) as connection:
        waits = (messages.c.state == MessageState.READY, messages.c.not_before > now)
        connection.execute(sa.update(messages).where(*waits).values(not_before=now))
        sending = (runs.c.state == RunState.SENDING, runs.c.not_before > now)
        connection.execute(sa.update(runs).where(*sending).values(not_before=now))
    resume(made.parts.engine, {made.parts.transport.name, "smtp"}, person="the test", now=now)


def kill_at_random(
    made: Shop, mail: RoughMail, processes: ProcessGroup, draw: random.Random
) -> tuple[int, int]:
    """Kill senders, and now and then the server, until the run has ended. Returns how many of each were killed."""
    killed, restarted, seen, deadline = 0, 0, 0, time.monotonic() + PATIENCE
    more = draw.randrange(1, max(2, PEOPLE // KILLS))
    while states(made.parts) != {RunState.TRACKING}:
        assert time.monotonic() < deadline, f"it never ends: {in_states(made)} {states(made.parts)}"
        taken = mail.record().taken.total()
        if killed + restarted < KILLS and taken and taken >= seen + more:
            seen, more = taken, draw.randrange(1, max(2, PEOPLE // KILLS))
            if killed and draw.randrange(OF_KILLS_THE_SERVERS) == 0:
                mail.kill()
                restarted += 1
            else:
                processes.kill(draw.randrange(len(processes)))
                killed += 1
        hurry(made)
        time.sleep(draw.uniform(0.0, 0.3))
    return killed, restarted


def survives(tmp_path: Path, url: str, *, engine: str, workers: int) -> None:
    draw = random.Random(20261130)
    with rough_mail(tmp_path) as mail, shop(tmp_path, url, customers=PEOPLE, engine=engine) as made:
        made.begin("many")
        address = f"smtp://127.0.0.1:{mail.port}/?connections={CONNECTIONS}"
        environment = {**made.environment, "MAIL_URL": address}
        with process_group(["worker"] * workers, environment, tmp_path) as processes:
            killed, restarted = kill_at_random(made, mail, processes, draw)
        record, found = mail.record(), in_states(made)
        with made.parts.engine.connect() as connection:
            keys = {
                row.message_key: MessageState(row.state) for row in connection.execute(sa.select(messages))
            }
            told = set(connection.scalars(sa.select(notices.c.message_key)))  # that e-mails were held
            assert first_broken_row(connection) is None
    twice = {key: count for key, count in record.taken.items() if count > 1}
    sent = {key for key, state in keys.items() if state is MessageState.SENT}
    senders = 1 if engine == "embedded" else made.parts.settings.senders + 1
    figures = (
        f"{engine} {url.partition(':')[0]}: {sum(found.values())} e-mails, {dict(found)}, {killed} senders and {restarted} "
        f"servers killed; the server took {record.taken.total()}, {record.lost_answers} answers lost, doubled {len(twice)}, "
        f"sent but not taken {len(sent - record.taken.keys())}"
    )
    sys.stdout.write(f"{figures}\n")
    assert killed, "nothing was killed"
    assert not twice, figures
    assert sent <= record.taken.keys(), figures
    assert set(found) <= {MessageState.SENT, MessageState.UNKNOWN}, figures
    known = {key for key, state in keys.items() if state is MessageState.UNKNOWN}
    assert record.taken.keys() - sent - told <= known, figures
    assert len(known) <= record.lost_answers + (killed + restarted) * senders * CONNECTIONS, figures


@pytest.mark.slow
def test_nobody_gets_two_from_a_rough_mail_server(database_url: str, tmp_path: Path) -> None:
    survives(tmp_path, database_url, engine="embedded", workers=2)


@pytest.mark.slow
@pytest.mark.postgres
def test_nobody_gets_two_from_a_rough_mail_server_by_many_senders(
    postgresql_url: str, tmp_path: Path
) -> None:
    survives(tmp_path, postgresql_url, engine="distributed", workers=2)
