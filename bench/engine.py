"""The engines: what a store costs that nothing waits for, and what a second worker brings for a hundred stores.

An idle look is a turn on a lane with nothing to do; every store has one a minute, with one request that asks what changed. The
two workers share this machine's cores with the stores, the database and this program, so twice as fast is out of reach.
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

from bench.ledgers import KINDS, ledger_url
from bench.office import files_in, wait_for
from bench.report import Report
from bench.shop import UNLIMITED, shop
from tillroll.campaign import read_book
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import lanes, runs
from tillroll.loop.due import due_lanes
from tillroll.loop.lanes import SLICE, Lanes
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
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
    """An installation for many stores, and the environment of its processes."""

    parts: Services
    environment: dict[str, str]
    stores: int


def run(report: Report) -> None:
    """Idle looks on both databases, then one worker and two on PostgreSQL."""
    configure_logging("warning")
    for kind in KINDS:
        report.section(f"{IDLE_STORES} idle stores, {kind}", "Each is looked at once a minute.")
        with agency(kind, IDLE_STORES) as here:
            _idle(report, here)
    report.section(f"{BUSY_STORES} stores, a run of 20 codes and e-mails each, distributed engine")
    alone = _seconds(1)
    report.row("two workers", _seconds(2), "s", beside={"one worker": alone})


@contextmanager
def agency(kind: str, stores: int) -> Iterator[Agency]:
    """An installation that works for so many sandbox stores."""
    with (
        ledger_url(kind) as url,
        files_in({"welcome": _WELCOME}) as home,
        shop(customers=20, stores=stores) as found,
    ):
        settings = Settings(home=home, database_url=url, folder=home, requests_per_minute=UNLIMITED)
        with build(settings) as parts:
            for number, token in found.stores:
                connect(
                    parts.engine,
                    ecwid_id=number,
                    base_url=found.base_url,
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
            "TILLROLL_FOLDER": str(home),
            "TILLROLL_SECRET_KEYS": (home / "secret.key").read_text().strip(),
            "TILLROLL_REQUESTS_PER_MINUTE": str(UNLIMITED),
            "TILLROLL_LOG_LEVEL": "warning",
            "ECWID_STORE_ID": "",
            "ECWID_TOKEN": "",
            "SMTP_URL": "",
        }
    )


def _idle(report: Report, here: Agency) -> None:
    """The first looks read the stores; then each has nothing to do, and a minute passes for it."""
    parts, every = here.parts, range(1, here.stores + 1)
    turns = Lanes(parts, spread=lambda _store, _run: None)  # what was polled when is the ledger's to know
    for _ in range(2):
        for store_id in every:
            turns.turn(store_id, until=parts.clock.now() + SLICE)
    with parts.engine.begin() as connection:
        connection.execute(sa.update(lanes).values(polled_at=None))
    for lane_ in turns.opened():
        lane_.following.polled_at = None
    began, busy = time.perf_counter(), time.process_time()
    for store_id in every:
        turns.turn(store_id, until=parts.clock.now() + SLICE)
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    report.row("an idle look", 1_000 * took / here.stores, "ms")
    report.row("of it, this process's CPU", 1_000 * cpu / here.stores, "ms")
    report.row("all stores' looks, of a core", 100 * cpu / 60, "%", note="a look a minute each")
    began = time.perf_counter()
    with reading(parts.engine) as connection:
        due_lanes(connection, parts.clock.now() + timedelta(seconds=1))
    report.row("which lanes are due", 1_000 * (time.perf_counter() - began), "ms", note="asked once a second")
    turns.close()


def _seconds(workers: int) -> float:
    """From the start of so many workers and a clock until every store's run is sent."""
    with agency("PostgreSQL", BUSY_STORES) as here:
        parts, now = here.parts, here.parts.clock.now()
        book = read_book(parts.settings.folder)
        for store_id in range(1, here.stores + 1):
            record_book(parts.engine, store_id=store_id, book=book, now=now)
            start_by_hand(parts.engine, store_id=store_id, name="welcome", person="ana", now=now)
        words = ["clock", *["worker"] * workers]
        children = [_start(word, here.environment) for word in words]
        try:
            return wait_for(lambda: _all_at_work(children) and _all_sent(parts))
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait()


def _start(word: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tillroll", word]
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own


def _all_at_work(children: list[subprocess.Popen[bytes]]) -> bool:
    """Says so at once when a process has ended by itself; what it had to say stands on the terminal."""
    if any(child.poll() is not None for child in children):
        raise RuntimeError("a process of the engine has ended before its work was done")
    return True


def _all_sent(parts: Services) -> bool:
    """Some of the stores have no newcomers: their runs are done as soon as they are planned."""
    with reading(parts.engine) as connection:
        found = set(connection.scalars(sa.select(runs.c.state).distinct()))
    return found <= {RunState.TRACKING, RunState.DONE}
