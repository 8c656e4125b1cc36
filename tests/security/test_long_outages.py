"""Outages of all lengths amid minting and sending: every process lives, and nothing is lost or done twice."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.shop import Shop, shop
from tests.crash.worker import installation
from tests.security.outages import (
    LongRunning,
    Mailbox,
    check_nothing_lost_or_twice,
    fill,
    locked,
    long_running,
    mail_server,
    own_postgresql,
    pass_time,
    small_disk,
    wait_for_progress,
    wait_for_the_end,
    wait_until,
)
from tests.store import running
from tillroll.loop.distributed import STALLED

pytestmark = pytest.mark.slow

OUTAGES = (1, 3, 1, 9, 2, 15, 1, 5, 20, 1)
"""Seconds that PostgreSQL is away, ten times. By hand they were longer: up to 90."""
CUSTOMERS = 6_000
WORKERS = (["worker"], ["worker"])


@contextmanager
def busy(
    tmp_path: Path, url: str, *, engine: str, customers: int
) -> Iterator[tuple[Shop, LongRunning, Mailbox]]:
    """Yield a shop in which two workers make codes and send e-mails by SMTP."""
    mailbox = Mailbox()
    with (
        mail_server(mailbox) as address,
        shop(tmp_path, url, customers=customers, batch_pause=0.3, engine=engine) as made,
    ):
        made.begin("many")
        with long_running(WORKERS, {**made.environment, "MAIL_URL": address}, tmp_path) as workers:
            yield made, workers, mailbox


@pytest.mark.once
@pytest.mark.postgres
@pytest.mark.parametrize("engine", ["distributed", "embedded"])
def test_postgresql_is_killed_ten_times_amid_minting_and_sending(tmp_path: Path, engine: str) -> None:
    draw = random.Random(20261129)
    with (
        own_postgresql() as (server, url),
        busy(tmp_path, url, engine=engine, customers=CUSTOMERS) as (made, workers, mailbox),
    ):
        for seconds in OUTAGES:
            wait_for_progress(made)
            pass_time(draw.uniform(0.0, 2.0))
            server.kill()
            pass_time(seconds)
            server.start()
            workers.check_alive()
        wait_for_the_end(made)
        workers.check_quiet()
        assert max(workers.lines("database.away")) <= len(OUTAGES), "what a lost session leaves is no outage"
        check_nothing_lost_or_twice(made, mailbox)


@pytest.mark.once
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_the_disk_fills_five_times_amid_minting_and_sending(sqlite_template: Path, tmp_path: Path) -> None:
    draw = random.Random(20261129)
    with small_disk(tmp_path / "disk", 48) as disk:
        ledger, filler = disk / "ledger.sqlite3", disk / "filler"
        ledger.write_bytes(sqlite_template.read_bytes())
        url = f"sqlite:///{ledger}"
        with busy(tmp_path, url, engine="embedded", customers=3_000) as (made, workers, mailbox):
            for seconds in (1, 4, 8, 2, 5):
                wait_for_progress(made)
                fill(filler)
                pass_time(seconds + draw.uniform(0.0, 1.0))
                filler.unlink()
                workers.check_alive()
            wait_for_the_end(made)
            workers.check_quiet()
            check_nothing_lost_or_twice(made, mailbox)


@pytest.mark.postgres
def test_sigterm_ends_every_process_although_the_database_is_frozen(tmp_path: Path) -> None:
    with (
        own_postgresql() as (server, url),
        running(tmp_path / "store") as store,
        installation(store, url, tmp_path) as (_, environment),
        long_running(
            [["worker"], ["clock"]], {**environment, "TILLROLL_ENGINE": "distributed"}, tmp_path
        ) as queued,
        long_running([["worker"]], environment, tmp_path / "store") as embedded,
    ):
        wait_until(
            lambda: queued.lines("worker.started")[0] == queued.lines("clock.started")[1] == 1,
            lambda: str(queued.logs()),
        )
        embedded.wait_for("worker.started")
        server.freeze()
        pass_time(1.0)
        queued.terminate()
        embedded.terminate()
        children = (*queued.children, *embedded.children)
        took = wait_until(lambda: all(child.poll() is not None for child in children), lambda: "none ends")
        assert took < 30
        server.thaw()


@pytest.mark.postgres
def test_a_worker_that_was_frozen_beside_another_goes_on(tmp_path: Path) -> None:
    with (
        own_postgresql() as (_, url),
        busy(tmp_path, url, engine="distributed", customers=1_500) as (made, workers, _),
    ):
        workers.wait_for("worker.started")
        workers.children[0].send_signal(signal.SIGSTOP)
        pass_time(STALLED + 4.0)  # until it counts as dead, and the other has its jobs
        workers.children[0].send_signal(signal.SIGCONT)
        wait_for_the_end(made)
        workers.check_quiet()


def test_a_worker_outlives_a_ledger_that_is_locked_for_long(sqlite_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path / "store") as store,
        installation(store, sqlite_url, tmp_path) as (parts, environment),
        long_running([["worker"]], environment, tmp_path) as processes,
    ):
        processes.wait_for("worker.started")
        with locked(Path(str(parts.engine.url.database))):
            processes.wait_for("database.away")  # it waits half a minute for the lock before
            processes.check_quiet()
        processes.wait_for("database.back")
        assert processes.lines("database.away") == [1]
