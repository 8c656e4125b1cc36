"""Workers are killed amid changes of some hundreds of codes: the next one continues, and the last change wins."""

from __future__ import annotations

import signal
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.crash.live_codes import COUNT, add_live_codes
from tests.crash.points import BATCH_JOB, GIVEN_UP, Point
from tests.crash.worker import installation, start_worker, worker_log
from tests.shop import ANA
from tests.store import client_of, lay_faults, running
from tillroll.approve.change import request_change
from tillroll.campaign.states import (
    CHANGE_OPEN,
    ChangeKind,
    ChunkState,
    CodeState,
    PartState,
)
from tillroll.ecwid.client import Client
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.tables import change_chunks, change_parts, changes, codes
from tillroll.wiring import Services

PATIENCE = 120.0


def ask_change(parts: Services, scope: Scope, kind: ChangeKind, until: datetime | None = None) -> int:
    now = parts.clock.now()
    return request_change(
        parts.engine, scope=scope, kind=kind, person=ANA, note="", now=now, valid_until=until
    )


def progress(parts: Services, change_id: int) -> tuple[int, bool]:
    """Return how many codes are done, and whether a batch of the change is posted or about to be."""
    with parts.engine.connect() as connection:
        done = (change_parts.c.change_id == change_id, change_parts.c.state == PartState.DONE)
        out = (
            change_chunks.c.change_id == change_id,
            change_chunks.c.state.in_((ChunkState.POSTING, ChunkState.POSTED)),
        )
        return (
            int(connection.scalar(sa.select(sa.func.count()).where(*done)) or 0),
            bool(connection.scalar(sa.select(sa.func.count()).where(*out))),
        )


def kill_amid(parts: Services, environment: dict[str, str], change_id: int, *, after: int) -> None:
    """Start a worker, and kill it while a batch of the change is out and some of its codes are done."""
    worker = start_worker(environment)
    deadline = time.monotonic() + PATIENCE
    while True:
        done, out = progress(parts, change_id)
        if out and done >= after:
            break
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < deadline, f"nothing happens: {done}"
        time.sleep(0.002)
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def run_to_end(parts: Services, environment: dict[str, str]) -> None:
    """Let a worker apply all changes, then stop it with SIGTERM."""
    worker = start_worker(environment)
    deadline = time.monotonic() + PATIENCE
    while True:
        with parts.engine.connect() as connection:
            open_ = connection.scalar(
                sa.select(sa.func.count())
                .select_from(changes)
                .where(changes.c.state.in_(sorted(CHANGE_OPEN)))
            )
        if not open_:
            break
        assert worker.poll() is None, f"the worker ended by itself: {worker_log(environment).read_text()}"
        assert time.monotonic() < deadline, (
            f"it never finishes: {worker_log(environment).read_text()[-2000:]}"
        )
        time.sleep(0.1)
    stop(worker)


def stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    assert worker.wait(timeout=60) == 0


def die(environment: dict[str, str], point: Point) -> None:
    """Let a worker continue until it dies at the point."""
    worker = start_worker(environment, first=point.trap)
    ended = worker.wait(timeout=PATIENCE)
    assert ended == -signal.SIGKILL, f"it never came to {point.name}: {worker_log(environment).read_text()}"


def age(parts: Services) -> None:
    """Date open chunks back by two hours: the store may have forgotten their keys."""
    earlier = parts.clock.now() - timedelta(hours=2)
    out = change_chunks.c.state.in_((ChunkState.POSTING, ChunkState.POSTED))
    with writing(parts.engine) as connection:
        changed = connection.execute(sa.update(change_chunks).where(out).values(created_at=earlier))
        assert changed.rowcount


def check_outcome(
    parts: Services, client: Client, scope: Scope, *, state: CodeState, until: datetime | None = None
) -> None:
    """Check that every code has an outcome and that the store's coupons agree with the ledger."""
    with parts.engine.connect() as connection:
        rows = connection.execute(sa.select(codes).where(codes.c.run_id == scope.run_id)).all()
        failed = change_parts.c.state.in_((PartState.FAILED, PartState.WANTED, PartState.POSTING))
        assert connection.execute(sa.select(change_parts).where(failed)).all() == []
        assert first_broken_row(connection) is None
    there = {one.code: one for one in client.coupons.every()}
    assert len(rows) == COUNT
    status = {CodeState.LIVE: "ACTIVE", CodeState.PAUSED: "PAUSED"}[state]
    for row in rows:
        found = there[row.code]
        assert (row.state, found.coupon_id, found.status) == (state, row.coupon_id, status), row
        assert until is None or found.expires_at == row.valid_until == until, row


def test_a_worker_dies_at_every_point_of_a_batch_job_and_the_job_still_completes(
    sqlite_url: str, tmp_path: Path
) -> None:
    with (
        running(tmp_path / "store", customers=5, batch_pause=0.1) as store,
        installation(store, sqlite_url, tmp_path) as (parts, environment),
        client_of(store) as client,
    ):
        scope = add_live_codes(parts, client)
        ask_change(parts, scope, ChangeKind.PAUSE)
        for point in BATCH_JOB:
            die(environment, point)
        run_to_end(parts, environment)
        check_outcome(parts, client, scope, state=CodeState.PAUSED)
        ask_change(parts, scope, ChangeKind.RESUME)
        die(environment, BATCH_JOB[1])
        age(parts)
        for point in GIVEN_UP:
            die(environment, point)
        run_to_end(parts, environment)
        check_outcome(parts, client, scope, state=CodeState.LIVE)


def test_after_kills_amid_changes_the_last_change_wins(database_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path / "store", customers=5, batch_pause=0.1, inner_retry_seconds=0.1) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
        client_of(store) as client,
    ):
        scope = add_live_codes(parts, client)
        until = parts.clock.now().replace(microsecond=0) + timedelta(days=60)
        lay_faults(store, seed=7, lost_answers={"share": 0.3, "times": 3, "on": "writes"})
        kill_amid(parts, environment, ask_change(parts, scope, ChangeKind.PAUSE), after=0)
        extending = ask_change(parts, scope, ChangeKind.EXTEND, until)
        kill_amid(parts, environment, extending, after=1)
        resuming = ask_change(parts, scope, ChangeKind.RESUME)
        kill_amid(parts, environment, resuming, after=100)
        run_to_end(parts, environment)
        lay_faults(store, lost_answers=False)
        check_outcome(parts, client, scope, state=CodeState.LIVE, until=until)
