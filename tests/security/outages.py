"""Databases that tests take away and give back, a mail server that counts, and processes that must outlive it all."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller

from tests import postgres
from tests.crash.shop import Shop, in_store
from tests.crash.worker import figures, states
from tests.databases import migrate
from tests.forks import forks
from tests.shop import ROOT
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.availability import is_unavailable
from tillroll.ledger.tables import codes, messages, recipients

PATIENCE = 120.0
BACK_WITHIN = 15.0
"""Seconds after the database's return within which work goes on."""


class Mailbox:
    """A mail server that takes everything and counts what it took. `as_it_takes` is called amid each message's data."""

    def __init__(self, as_it_takes: Callable[[int], None] = lambda _count: None) -> None:
        self.taken: Counter[str] = Counter()
        self._as_it_takes = as_it_takes

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken[str(message_from_bytes(envelope.content)["Message-ID"])] += 1
        self._as_it_takes(self.taken.total())
        return "250 taken"


@contextmanager
def mail_server(handler: Any) -> Iterator[str]:
    """Serve what handles e-mails, like a mailbox; yields its address."""
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), decode_data=False)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def own_postgresql() -> Iterator[tuple[postgres.PostgresServer, str]]:
    """Yield a server of this test alone, and the address of a migrated ledger in it."""
    with postgres.restartable() as server:
        migrate(server.url)
        yield server, server.url


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Yield a folder on a file system of its own, which is soon full. Only root may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock of an SQLite file."""
    holder = sqlite3.connect(path, isolation_level=None, timeout=60)
    holder.execute("begin immediate")
    try:
        yield
    finally:
        holder.execute("rollback")
        holder.close()


class LongRunning:
    """Processes of the product that must not end by themselves, each with a log of its own."""

    def __init__(self, words: Sequence[Sequence[str]], environment: dict[str, str], folder: Path) -> None:
        self._told = False  # to end
        self._logs = [folder / f"{number}-{each[0]}.log" for number, each in enumerate(words)]
        self.children = [
            forks().start(*each, cwd=ROOT, environment=environment, output=log, troubles=log)
            for each, log in zip(words, self._logs, strict=True)
        ]

    def logs(self) -> list[str]:
        return [log.read_text() if log.exists() else "" for log in self._logs]

    def lines(self, event: str) -> list[int]:
        """Return how often each process has logged an event."""
        return [sum(f'"event": "{event}"' in line for line in log.splitlines()) for log in self.logs()]

    def check_alive(self) -> None:
        if self._told:
            return
        ended = [
            (child.returncode, log)
            for child, log in zip(self.children, self.logs(), strict=True)
            if child.poll() is not None
        ]
        assert not ended, f"a process ended by itself: {ended}"

    def wait_for(self, event: str, times: int = 1) -> None:
        """Wait until each process has logged an event so many times."""
        wait_until(lambda: min(self.lines(event)) >= times, lambda: f"no {event}: {self.logs()}")
        self.check_alive()

    def check_quiet(self) -> None:
        """Check that no log shows a bug or a traceback."""
        for log in self.logs():
            assert "Traceback" not in log, log
            assert ".bug" not in log, log

    def terminate(self) -> None:
        """Tell all processes to end."""
        self._told = True
        for child in self.children:
            child.terminate()

    def stop(self) -> list[int]:
        """Stop all processes with SIGTERM. Returns their exit codes."""
        self.terminate()
        return [child.wait(timeout=60) for child in self.children]


@contextmanager
def long_running(
    words: Sequence[Sequence[str]], environment: dict[str, str], folder: Path
) -> Iterator[LongRunning]:
    processes = LongRunning(words, environment, folder)
    try:
        yield processes
        processes.check_alive()
    finally:
        codes_of = processes.stop()
    assert set(codes_of) == {0}, (codes_of, processes.logs())


def wait_until(
    holds: Callable[[], bool], what: Callable[[], str], *, patience: float = PATIENCE, every: float = 0.05
) -> float:
    """Wait until something holds. Returns the seconds it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < patience, what()
        time.sleep(every)
    return time.monotonic() - began


def pass_time(seconds: float) -> None:
    """Let real time pass: the length of an outage is what is tried."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))


def _now(made: Shop) -> tuple[tuple[int, int], set[str]] | None:
    """Return how far the shop is; None while the database is away."""
    try:
        return figures(made.parts), states(made.parts)
    except Exception as fault:
        if not is_unavailable(fault):
            raise
        return None


def wait_for_progress(made: Shop) -> float:
    """Wait until another code is live, another message is sent, or everything is done. Returns the seconds it took."""
    seen: list[tuple[int, int]] = []

    def moved() -> bool:
        now = _now(made)
        if now is not None:
            seen.append(now[0])
        return now is not None and (seen[-1] != seen[0] or now[1] == {RunState.TRACKING})

    return wait_until(moved, lambda: f"nothing happens: {_now(made)}")


def wait_for_the_end(made: Shop) -> float:
    """Wait until every run is minted and sent. Returns the seconds it took."""
    return wait_until(
        lambda: (now := _now(made)) is not None and now[1] == {RunState.TRACKING},
        lambda: f"it never finishes: {_now(made)}",
        patience=300.0,
    )


def check_nothing_lost_or_twice(made: Shop, mailbox: Mailbox) -> None:
    """Check that each person has one live code, which the store has once, and got one e-mail that the ledger knows was sent."""
    with made.parts.engine.connect() as connection:
        people = int(connection.scalar(sa.select(sa.func.count()).select_from(recipients)) or 0)
        rows = connection.execute(sa.select(codes).where(codes.c.state != CodeState.CLASHED)).all()
        sent = Counter(connection.scalars(sa.select(messages.c.state)))
        assert first_broken_row(connection) is None
    assert Counter(row.state for row in rows) == {CodeState.LIVE: people}
    assert len({(row.run_id, row.recipient_id) for row in rows}) == people
    assert sorted(in_store(made.store)) == sorted(row.code for row in rows)
    assert people > 500
    assert sent == {MessageState.SENT: people}
    assert len(mailbox.taken) == people
    assert set(mailbox.taken.values()) == {1}, "an e-mail left twice"
