"""The engines: the cost of an idle store, and the gain of a second worker for a hundred stores.

An idle turn has nothing to do; every store has one a minute, with one request that asks what changed. Two workers share this
machine's cores with the stores, the database and this program, so they can't be twice as fast as one.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from bench.installation import files_in, wait_for
from bench.ledgers import KINDS, ledger_url
from bench.report import Report
from bench.shop import UNLIMITED, shop
from tests.shop import PUBLIC_URL
from tillroll.campaign import read_book
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import lanes, runs
from tillroll.loop.due import due_stores
from tillroll.loop.store_workers import SLICE, StoreWorkers
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.settings import Settings, child_environment
from tillroll.track.connect import connect
from tillroll.wiring import Services, build, configure_logging

IDLE_STORES, BUSY_STORES = 500, 100
_WELCOME = """title: Welcome
owner: ana@shop.example
status: active
when: {cron: "0 10 * * MON"}
who: {segment: newcomers, limit: 20}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Welcome}
approval: {auto_when: {codes: 100, worst_case: 10000}}
"""


@dataclass(frozen=True, kw_only=True)
class Agency:
    """An installation for many stores."""

    parts: Services
    environment: dict[str, str]  # of its processes
    stores: int


def run(report: Report) -> None:
    """Measure idle turns on both databases, then one worker and two on PostgreSQL."""
    configure_logging("warning")
    for kind in KINDS:
        report.section(f"{IDLE_STORES} idle stores, {kind}", "Each has a turn once a minute.")
        with agency(kind, IDLE_STORES) as idle:
            _idle(report, idle)
    report.section(f"{BUSY_STORES} stores, a run of 20 codes and e-mails each, distributed engine")
    alone = _seconds(1)
    report.row("two workers", _seconds(2), "s", beside={"one worker": alone})


@contextmanager
def agency(kind: str, stores: int) -> Iterator[Agency]:
    """Set up an installation with so many sandbox stores for the length of a block."""
    with (
        ledger_url(kind) as url,
        files_in({"welcome": _WELCOME}) as home,
        shop(customers=20, stores=stores) as sandbox,
    ):
        settings = Settings(
            home=home, database_url=url, folder=home, requests_per_minute=UNLIMITED, public_url=PUBLIC_URL
        )
        with build(settings) as parts:
            for number, token in sandbox.stores:
                connect(
                    parts.engine,
                    ecwid_id=number,
                    base_url=sandbox.base_url,
                    sealed_token=parts.sealer.seal(token),
                    changed=True,
                    now=parts.clock.now(),
                )
            yield Agency(parts=parts, environment=_environment(home, url), stores=stores)


def _environment(home: Path, url: str) -> dict[str, str]:
    return child_environment(
        {
            "DATABASE_URL": url,
            "TILLROLL_ENGINE": "distributed",
            "TILLROLL_HOME": str(home),
            "TILLROLL_URL": PUBLIC_URL,
            "TILLROLL_FOLDER": str(home),
            "TILLROLL_SECRET_KEYS": (home / "secret.key").read_text().strip(),
            "TILLROLL_REQUESTS_PER_MINUTE": str(UNLIMITED),
            "TILLROLL_LOG_LEVEL": "warning",
            "ECWID_STORE_ID": "",
            "ECWID_TOKEN": "",
            "MAIL_URL": "outbox:",
        }
    )


def _idle(report: Report, idle: Agency) -> None:
    """Measure turns without work: the first turns read the stores, and then each is told that a minute has passed."""
    parts, store_ids = idle.parts, range(1, idle.stores + 1)
    # with `share_out`, the time of the last poll is read from the ledger
    workers = StoreWorkers(parts, share_out=lambda _store, _run: None)
    for _ in range(2):
        for store_id in store_ids:
            workers.turn(store_id, until=parts.clock.now() + SLICE)
    with parts.engine.begin() as connection:
        connection.execute(sa.update(lanes).values(polled_at=None))
    for worker in workers.opened():
        worker.following.polled_at = None
    began, busy = time.perf_counter(), time.process_time()
    for store_id in store_ids:
        workers.turn(store_id, until=parts.clock.now() + SLICE)
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    report.row("an idle turn", 1_000 * took / idle.stores, "ms")
    report.row("of that, CPU of this process", 1_000 * cpu / idle.stores, "ms")
    report.row("idle turns of all stores, share of a core", 100 * cpu / 60, "%", note="one a minute each")
    began = time.perf_counter()
    with reading(parts.engine) as connection:
        due_stores(connection, parts.clock.now() + timedelta(seconds=1))
    report.row("query for due stores", 1_000 * (time.perf_counter() - began), "ms", note="runs once a second")
    workers.close()


def _seconds(workers: int) -> float:
    """Return the seconds from the start of the workers and a clock until every store's run is sent."""
    with agency("PostgreSQL", BUSY_STORES) as busy:
        parts, now = busy.parts, busy.parts.clock.now()
        book = read_book(parts.settings.folder)
        for store_id in range(1, busy.stores + 1):
            record_book(parts.engine, store_id=store_id, book=book, now=now)
            start_by_hand(parts.engine, store_id=store_id, name="welcome", person="ana", now=now)
        commands = ["clock", *["worker"] * workers]
        children = [_start(command, busy.environment) for command in commands]
        try:
            return wait_for(lambda: _all_running(children) and _all_sent(parts))
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait()


def _start(command: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tillroll", command]
    return subprocess.Popen(words, env=environment)  # noqa: S603 - our own


def _all_running(children: list[subprocess.Popen[bytes]]) -> bool:
    """Return True. Raises `RuntimeError` as soon as a process has ended; its output is on the terminal."""
    if any(child.poll() is not None for child in children):
        raise RuntimeError("a process of the engine has ended before its work was done")
    return True


def _all_sent(parts: Services) -> bool:
    """Return whether every run is sent. Stores without newcomers have runs that are done once they are planned."""
    with reading(parts.engine) as connection:
        states = set(connection.scalars(sa.select(runs.c.state).distinct()))
    return states <= {RunState.TRACKING, RunState.DONE}
