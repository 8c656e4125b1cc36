"""A ledger that was restored from a backup or copied amid work: it refuses, says why, and repeats nothing after a rearm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.crash.backups import Backup, postgresql_backup, sqlite_backup
from tests.crash.worker import installation, plan_and_approve, states
from tests.crash.worker import outbox as everything_sent
from tests.store import running
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import audit, codes, messages, recipients, runs, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.worker import SLICE
from tillroll.recovery.rearm import look_at_doubt, rearm
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import FENCED
from tillroll.wiring import Services


@pytest.fixture
def backup(database_url: str) -> Backup:
    return (
        sqlite_backup(database_url) if database_url.startswith("sqlite") else postgresql_backup(database_url)
    )


@contextmanager
def working(store: Sandbox, url: str, home: Path) -> Iterator[tuple[Services, StoreWorker]]:
    """An installation with one store worker, as in a process that has just started."""
    with installation(store, url, home) as (parts, _):
        with reading(parts.engine) as connection:
            row = load_store(connection, 1)
        store_worker = StoreWorker(services=parts, store_id=1, client=parts.open_client(row))
        yield parts, store_worker
        store_worker.close()


def outbox(parts: Services) -> list[dict[str, Any]]:
    """Return the campaigns' e-mails, without the notice to the owner that the ledger is refused."""
    return [line for line in everything_sent(parts) if line["code"]]


def step(store_worker: StoreWorker, length: timedelta = SLICE) -> None:
    advance(store_worker, until=store_worker.services.clock.now() + length)


def go_on(store_worker: StoreWorker, *, until: Callable[[], bool]) -> None:
    for _ in range(400):
        if until():
            return
        step(store_worker, timedelta(0))  # the smallest possible slice
        store_worker.services.clock.sleep(0.02)
    raise AssertionError(f"it never comes to that: {states(store_worker.services)}")


def row_of(parts: Services) -> Any:
    with reading(parts.engine) as connection:
        return load_store(connection, 1)


def begun(parts: Services, state: RunState) -> bool:
    return state in states(parts)


@pytest.mark.parametrize("storage_bodies", ["kept", pytest.param("unwrapped", marks=pytest.mark.slow)])
@pytest.mark.parametrize("at", ["planned", "minting", "sending"])
def test_a_restored_backup_refuses_explains_and_after_rearm_repeats_nothing(
    database_url: str, tmp_path: Path, backup: Backup, at: str, storage_bodies: str
) -> None:
    moment = {"minting": RunState.MINTING, "sending": RunState.SENDING}.get(at)
    with running(
        tmp_path / "store", customers=1_000, batch_pause=0.05, storage_bodies=storage_bodies
    ) as store:
        with working(store, database_url, tmp_path) as (parts, store_worker):
            started = plan_and_approve(parts)
            if moment is not None:
                go_on(store_worker, until=lambda: begun(parts, moment))
        restore = backup(tmp_path)
        with working(store, database_url, tmp_path) as (parts, store_worker):
            go_on(store_worker, until=lambda: states(parts) == {RunState.TRACKING})
            with reading(parts.engine) as connection:
                people = connection.scalar(sa.select(sa.func.count()).select_from(recipients))
        sent_before = outbox(parts)
        restore()

        with working(store, database_url, tmp_path) as (parts, store_worker):
            for _ in range(3):
                step(store_worker)
            refused = row_of(parts)
            assert refused.state == FENCED
            assert "tillroll rearm" in refused.reason
            assert "restored" in refused.reason or "copy" in refused.reason
            assert outbox(parts) == sent_before
            doubt = look_at_doubt(parts, store_worker.client, refused)
            assert doubt is not None
            assert doubt.runs

            rearm(parts, store_worker.client, refused, person="ana@shop.example")
            assert look_at_doubt(parts, store_worker.client, row_of(parts)) is None
            for _ in range(20):
                step(store_worker)
                parts.clock.sleep(0.02)
            holds_after(parts, store, people, sent_before, started)


def holds_after(
    parts: Services, store: Sandbox, people: int | None, sent_before: list[dict[str, Any]], started: list[int]
) -> None:
    """Check that nobody has a second code or e-mail, and that every coupon of ours is known and explained."""
    lines = outbox(parts)
    assert len({line["key"] for line in lines}) == len(lines)
    assert len({(line["run"], line["to"]) for line in lines}) == len(lines) == len(sent_before)
    in_store = store.store.state.rows("select code from coupons where body like '%(tillroll run %'")
    assert len(in_store) == people
    with reading(parts.engine) as connection:
        known = set(connection.scalars(sa.select(codes.c.code).where(codes.c.state == CodeState.LIVE)))
        assert known == {row["code"] for row in in_store}
        assert set(connection.scalars(sa.select(messages.c.state).distinct())) <= {
            MessageState.SENT,
            MessageState.UNKNOWN,
            MessageState.HELD,
        }
        ended = set(connection.scalars(sa.select(runs.c.state).where(runs.c.id.in_(started))))
        assert ended <= {RunState.TRACKING, RunState.HALTED}
        assert "store.rearmed" in set(connection.scalars(sa.select(audit.c.action)))
        assert connection.scalar(sa.select(stores.c.state)) == "connected"
