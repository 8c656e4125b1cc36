"""SIGKILL to the worker amid changes of some hundreds of codes: another carries on, and the store is what was asked for last."""

from __future__ import annotations

import signal
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.crash.points import ERRAND, GIVEN_UP, Point
from tests.crash.test_worker_killed import installation, start_worker, worker_log
from tests.mint.test_changes_hold import coupon
from tests.shop import ANA
from tests.store import client_of, lay_faults, running
from tillroll.approve.change import ask
from tillroll.campaign.states import (
    CHANGE_OPEN,
    ChangeKind,
    ChunkState,
    CodeState,
    PartState,
    RunState,
)
from tillroll.ecwid.client import Client
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.changes import Scope
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import change_chunks, change_parts, changes, codes, runs
from tillroll.wiring import Services

COUNT = 600
PATIENCE = 120.0


def made(parts: Services, client: Client) -> Scope:
    """A run of some hundreds of codes that are live in the store."""
    now = parts.clock.now().replace(microsecond=0)
    until = now + timedelta(days=30)
    row = {
        "store_id": 1,
        "campaign": "long-ago",
        "slot_key": "one",
        "slot_at": now,
        "state": RunState.TRACKING,
    }
    row |= {"valid_from": now, "valid_until": until, "created_at": now, "changed_at": now}
    with writing(parts.engine) as connection:
        run_id = connection.execute(sa.insert(runs).values(row).returning(runs.c.id)).scalar_one()
    asked = [f"LONG{number:04}" for number in range(COUNT)]
    for start in range(0, COUNT, 300):
        inner = [
            client.coupons.creation(code, coupon(code, now, until)) for code in asked[start : start + 300]
        ]
        ticket = client.batches.create(inner, deduplication_key=f"key-{start}", group="made")
        while not client.batches.status(ticket).finished:
            time.sleep(0.02)
    ids = {one.code: one.coupon_id for one in client.coupons.every()}
    same = {"store_id": 1, "run_id": run_id, "state": CodeState.LIVE, "reserved_at": now, "changed_at": now}
    with writing(parts.engine) as connection:
        connection.execute(
            sa.insert(codes), [{**same, "code": code, "coupon_id": ids[code]} for code in asked]
        )
    return Scope(store_id=1, campaign="long-ago", run_id=run_id)


def have(parts: Services, scope: Scope, kind: ChangeKind, until: datetime | None = None) -> int:
    now = parts.clock.now()
    return ask(parts.engine, scope=scope, kind=kind, person=ANA, note="", now=now, valid_until=until)


def standing(parts: Services, change_id: int) -> tuple[int, bool]:
    """(codes with an outcome, whether a batch of it is out or about to be)."""
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
        done, out = standing(parts, change_id)
        if out and done >= after:
            break
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < deadline, f"nothing happens: {done}"
        time.sleep(0.002)
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def carried_out(parts: Services, environment: dict[str, str]) -> None:
    """A worker carries all changes out, and is stopped politely."""
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
    assert worker.wait(timeout=30) == 0


def die(environment: dict[str, str], point: Point) -> None:
    """Have a worker go on until it dies at the point."""
    worker = start_worker(environment, first=point.trap)
    ended = worker.wait(timeout=PATIENCE)
    assert ended == -signal.SIGKILL, f"it never came to {point.name}: {worker_log(environment).read_text()}"


def age(parts: Services) -> None:
    """What is on its way was intended two hours ago: the store may have forgotten the keys."""
    earlier = parts.clock.now() - timedelta(hours=2)
    out = change_chunks.c.state.in_((ChunkState.POSTING, ChunkState.POSTED))
    with writing(parts.engine) as connection:
        changed = connection.execute(sa.update(change_chunks).where(out).values(created_at=earlier))
        assert changed.rowcount


def as_asked(
    parts: Services, client: Client, scope: Scope, *, state: CodeState, until: datetime | None = None
) -> None:
    """Every code has its outcome, and the store's coupons are what the ledger says."""
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


def test_a_worker_dies_at_every_point_of_an_errand_and_it_is_done_all_the_same(
    sqlite_url: str, tmp_path: Path
) -> None:
    with (
        running(tmp_path / "store", customers=5, batch_pause=0.1) as store,
        installation(store, sqlite_url, tmp_path) as (parts, environment),
        client_of(store) as client,
    ):
        scope = made(parts, client)
        have(parts, scope, ChangeKind.PAUSE)
        for point in ERRAND:
            die(environment, point)
        carried_out(parts, environment)
        as_asked(parts, client, scope, state=CodeState.PAUSED)
        have(parts, scope, ChangeKind.RESUME)
        die(environment, ERRAND[1])
        age(parts)
        for point in GIVEN_UP:
            die(environment, point)
        carried_out(parts, environment)
        as_asked(parts, client, scope, state=CodeState.LIVE)


def test_killed_amid_changes_the_store_is_what_was_asked_for_last(database_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path / "store", customers=5, batch_pause=0.1, inner_retry_seconds=0.1) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
        client_of(store) as client,
    ):
        scope = made(parts, client)
        until = parts.clock.now().replace(microsecond=0) + timedelta(days=60)
        lay_faults(store, seed=7, lost_answers={"share": 0.3, "times": 3, "on": "writes"})
        kill_amid(parts, environment, have(parts, scope, ChangeKind.PAUSE), after=0)
        extending = have(parts, scope, ChangeKind.EXTEND, until)
        kill_amid(parts, environment, extending, after=1)
        resuming = have(parts, scope, ChangeKind.RESUME)
        kill_amid(parts, environment, resuming, after=100)
        carried_out(parts, environment)
        lay_faults(store, lost_answers=False)
        as_asked(parts, client, scope, state=CodeState.LIVE, until=until)
