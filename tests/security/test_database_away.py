"""A database that is away ends no process and loses no outcome: each says so once, waits, answers 503, and goes on."""

from __future__ import annotations

import http.client
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.crash.worker import installation
from tests.security.outages import (
    Mailbox,
    fill,
    free_port,
    locked,
    long_running,
    mail_server,
    own_postgresql,
    small_disk,
    wait_until,
)
from tests.send.room import context_of, ready_to_send
from tests.shop import NOW
from tests.store import running
from tillroll.campaign.states import MessageState, WireState
from tillroll.ledger.database_watch import DatabaseWatch
from tillroll.ledger.engine import open_engine
from tillroll.ledger.job_queue import conninfo
from tillroll.ledger.tables import messages
from tillroll.send.slices.deliver import send_slice
from tillroll.send.transports.smtp import Smtp
from tillroll.send.transports.smtp_server import SmtpServer

KINDS = (["worker"], ["clock"])
"""The processes of the distributed engine besides the pages."""

SERVERS = 2
"""The processes of the pages' server, each of which notices an outage by itself."""


@contextmanager
def answered(port: int, path: str, method: str = "GET") -> Iterator[tuple[http.client.HTTPResponse, str]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        line.request(method, path)
        response = line.getresponse()
        yield response, response.read().decode()


def status(port: int, path: str = "/healthz") -> int:
    """Return the status of an answer, or 0 while nobody listens."""
    try:
        with answered(port, path) as (response, _):
            return response.status
    except OSError:
        return 0


def check_problem(port: int) -> None:
    """Check what pages, `/healthz` and webhooks answer while the database is away."""
    for path, method in (("/", "GET"), ("/runs/1", "GET"), ("/login", "POST")):
        with answered(port, path, method) as (response, text):
            assert response.status == 503
            assert "can't be reached right now" in text.replace("&#x27;", "'")
            assert response.headers["Content-Type"].startswith("text/html")
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"
            assert int(response.headers["Retry-After"]) > 0
    for path, method in (("/healthz", "GET"), ("/webhooks/ecwid", "POST"), ("/events/1003/thing", "POST")):
        with answered(port, path, method) as (response, text):
            assert response.status == 503
            assert response.headers["Content-Type"] == "application/json"
            assert "reached" in text


@pytest.mark.slow
@pytest.mark.postgres
def test_every_kind_of_process_outlives_an_outage_and_says_so_once(tmp_path: Path) -> None:
    port = free_port()
    with (
        own_postgresql() as (server, url),
        running(tmp_path / "store") as store,
        installation(store, url, tmp_path) as (_, environment),
        long_running([*KINDS], {**environment, "TILLROLL_ENGINE": "distributed"}, tmp_path) as queued,
        long_running([["worker"], ["web", "--port", str(port)]], environment, tmp_path / "store") as others,
    ):
        wait_until(lambda: status(port) == 200, lambda: str(others.logs()))
        wait_until(
            lambda: queued.lines("worker.started")[0] == queued.lines("clock.started")[1] == 1, lambda: "…"
        )
        server.kill()
        for processes in (queued, others):
            processes.wait_for("database.away")
        wait_until(lambda: others.lines("database.away")[1] == SERVERS, lambda: str(others.logs()))
        check_problem(port)
        server.start()
        for processes in (queued, others):
            processes.wait_for("database.back")
            processes.check_quiet()
        wait_until(lambda: status(port, "/login") == 200, lambda: str(others.logs()))
        assert queued.lines("database.away") == queued.lines("database.back") == [1, 1]
        assert others.lines("database.away") == [1, SERVERS]
        assert status(port) == 200


@pytest.mark.postgres
def test_a_process_that_starts_while_the_database_is_away_waits_for_it(tmp_path: Path) -> None:
    port = free_port()
    with (
        own_postgresql() as (server, url),
        running(tmp_path / "store") as store,
        installation(store, url, tmp_path) as (_, environment),
    ):
        server.kill()
        web = ["web", "--port", str(port)]
        with long_running([*KINDS, web], {**environment, "TILLROLL_ENGINE": "distributed"}, tmp_path) as all_:
            all_.wait_for("database.away")
            wait_until(lambda: all_.lines("database.away")[2] == SERVERS, lambda: str(all_.logs()))
            check_problem(port)
            server.start()
            wait_until(lambda: status(port) == 200, lambda: str(all_.logs()))
            wait_until(lambda: all_.lines("worker.started")[0] == 1, lambda: str(all_.logs()))
            wait_until(lambda: all_.lines("clock.started")[1] == 1, lambda: str(all_.logs()))
            assert all_.lines("database.away")[:2] == [1, 1]
            all_.check_quiet()


@pytest.mark.postgres
def test_a_frozen_database_does_not_silence_the_health_check(tmp_path: Path) -> None:
    port = free_port()
    with (
        own_postgresql() as (server, url),
        running(tmp_path / "store") as store,
        installation(store, url, tmp_path) as (_, environment),
        long_running([["web", "--port", str(port)]], environment, tmp_path) as web,
    ):
        wait_until(lambda: status(port) == 200, lambda: str(web.logs()))
        server.freeze()
        for _ in range(30):  # more than there are threads
            threading.Thread(target=status, args=(port, "/login"), daemon=True).start()
        web.wait_for("database.away", SERVERS)
        check_problem(port)
        server.thaw()
        wait_until(lambda: status(port) == 200, lambda: str(web.logs()))


def send_amid(engine: Engine, folder: Path, take_away: Callable[[], None]) -> None:
    """Send by SMTP, and take the ledger away as the third of eight e-mails is taken; check that no outcome is lost."""
    clock = FakeClock(NOW)
    run_id = ready_to_send(engine, clock=clock)

    def third(count: int) -> None:
        if count == 3:
            take_away()

    mailbox = Mailbox(third)
    with mail_server(mailbox) as address:
        smtp, database = Smtp(SmtpServer.from_url(address)), DatabaseWatch()
        context = replace(context_of(engine, folder, clock), transport=smtp, database=database)
        with pytest.raises(sa.exc.OperationalError):  # the turn ends, but not before the outcomes are written
            send_slice(context, run_id=run_id, until=clock.now())
        with engine.connect() as connection:
            states = Counter(connection.scalars(sa.select(messages.c.state)))
        assert len(mailbox.taken) == 3, "nothing leaves that the ledger can't note first"
        assert states == {MessageState.SENT: 3, MessageState.READY: 5}
        assert send_slice(context, run_id=run_id, until=clock.now() + timedelta(minutes=1)) is None
    assert set(mailbox.taken.values()) == {1}
    assert len(mailbox.taken) == 8


def test_the_outcome_of_an_e_mail_outlives_a_locked_ledger(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url, answer_within=0.2)
    ends, held = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(Path(str(engine.url.database))):
            held.set()
            ends.wait(1.0)

    def take_away() -> None:
        threading.Thread(target=hold).start()
        held.wait()

    send_amid(engine, tmp_path, take_away)
    ends.set()
    engine.dispose()


@pytest.mark.postgres
def test_the_outcome_of_an_e_mail_outlives_a_killed_server(tmp_path: Path) -> None:
    with own_postgresql() as (server, url):
        engine = open_engine(url)

        def take_away() -> None:
            server.kill()
            threading.Timer(1.0, server.start).start()

        send_amid(engine, tmp_path, take_away)
        engine.dispose()


def test_what_a_sender_knows_replaces_what_another_took_for_unknown(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    run_id = ready_to_send(ledger, clock=clock)
    leaving = messages.c.wire == WireState.LEAVING

    def take_for_dead(count: int) -> None:
        if count == 3:
            with ledger.begin() as connection:
                connection.execute(sa.update(messages).where(leaving).values(state=MessageState.UNKNOWN))

    mailbox = Mailbox(take_for_dead)
    with mail_server(mailbox) as address:
        smtp = Smtp(SmtpServer.from_url(address))
        send_slice(
            replace(context_of(ledger, tmp_path, clock), transport=smtp), run_id=run_id, until=clock.now()
        )
    with ledger.connect() as connection:
        assert set(connection.scalars(sa.select(messages.c.state))) == {MessageState.SENT}


@pytest.mark.postgres
def test_a_commit_is_on_disk_although_the_server_would_not_wait_for_it(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as plain:
        assert plain.execute("show synchronous_commit").fetchone() == ("off",), "the tests' server has it off"
    engine = open_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("show synchronous_commit")) == "on"
    engine.dispose()


@pytest.mark.postgres
def test_the_queues_commits_are_on_disk_too(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with psycopg.connect(conninfo(engine)) as connection:
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)
    engine.dispose()


@pytest.mark.postgres
def test_a_job_whose_end_the_database_forgot_does_not_keep_its_store_waiting(tmp_path: Path) -> None:
    forgotten = (
        "insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id) "
        "select 'lanes', 'advance', 'lane 1', 'lane 1', '{\"store_id\": 1}', 'doing', min(id) "
        "from procrastinate_workers returning id"
    )
    with (
        own_postgresql() as (_, url),
        running(tmp_path / "store") as store,
        installation(store, url, tmp_path) as (parts, environment),
        long_running([["worker"]], {**environment, "TILLROLL_ENGINE": "distributed"}, tmp_path) as workers,
        psycopg.connect(conninfo(parts.engine), autocommit=True) as connection,
    ):
        workers.wait_for("worker.started")

        def rows(where: str) -> int:
            found = connection.execute(f"select count(*) from procrastinate_{where}").fetchone()  # type: ignore[call-overload]
            assert found is not None
            return int(found[0])

        wait_until(lambda: rows("workers") == 3, lambda: str(workers.logs()))
        (job_id,) = connection.execute(forgotten).fetchone() or (0,)
        assert job_id
        wait_until(lambda: rows(f"jobs where id = {job_id}") == 0, lambda: str(workers.logs()))
        assert workers.lines("job.stalled") == [1]
        wait_until(lambda: rows("jobs") == 0, lambda: str(workers.logs()))  # the turn that was added instead
        workers.check_quiet()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_worker_outlives_a_full_disk(sqlite_template: Path, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 8) as disk,
        running(tmp_path / "store") as store,
    ):
        ledger = disk / "ledger.sqlite3"
        ledger.write_bytes(sqlite_template.read_bytes())
        with (
            installation(store, f"sqlite:///{ledger}", tmp_path) as (_, environment),
            long_running([["worker"]], environment, tmp_path) as processes,
        ):
            processes.wait_for("worker.started")
            filler = disk / "filler"
            fill(filler)
            processes.wait_for("database.away")
            filler.unlink()
            processes.wait_for("database.back")
            processes.check_quiet()
            assert processes.lines("database.away") == [1]
