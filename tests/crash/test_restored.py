"""A ledger restored from a backup, or copied, while there was work: it refuses, explains, and after a rearm repeats nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.crash.test_worker_killed import installation, plan_and_approve, states
from tests.crash.test_worker_killed import outbox as everything_sent
from tests.store import running
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import audit, codes, messages, recipients, runs, stores
from tillroll.loop.advance import Lane, advance
from tillroll.loop.rearm import look_at_doubt, rearm
from tillroll.loop.worker import SLICE
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import FENCED, load_store
from tillroll.wiring import Services

Restore = Callable[[], None]
Backup = Callable[[Path], Restore]


def sqlite_backup(url: str) -> Backup:
    """A copy of the file with what its log holds, laid back over the file itself: the place stays the same."""

    def take(folder: Path) -> Restore:
        file, copy = Path(make_url(url).database or ""), folder / "backup.sqlite3"
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        engine.dispose()
        shutil.copyfile(file, copy)

        def restore() -> None:
            for left in ("-wal", "-shm"):
                Path(f"{file}{left}").unlink(missing_ok=True)
            shutil.copyfile(copy, file)

        return restore

    return take


def postgresql_backup(url: str) -> Backup:
    """A database made of the other as its template, which then takes its name."""

    def take(folder: Path) -> Restore:
        name = str(make_url(url).database)
        copy = f"{name}_backup"
        _administer(url, f'create database "{copy}" template "{name}"')

        def restore() -> None:
            _administer(
                url, f'drop database "{name}" with (force)', f'alter database "{copy}" rename to "{name}"'
            )

        return restore

    return take


def _administer(url: str, *statements: str) -> None:
    server = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def backup(database_url: str) -> Backup:
    return (
        sqlite_backup(database_url) if database_url.startswith("sqlite") else postgresql_backup(database_url)
    )


@contextmanager
def working(store: Sandbox, url: str, home: Path) -> Iterator[tuple[Services, Lane]]:
    """An installation with one lane, as a process that has just begun."""
    with installation(store, url, home) as (parts, _):
        with reading(parts.engine) as connection:
            row = load_store(connection, 1)
        lane_ = Lane(services=parts, store_id=1, client=parts.open_client(row))
        yield parts, lane_
        lane_.close()


def outbox(parts: Services) -> list[dict[str, Any]]:
    """The campaigns' e-mails; the one to the owner, that the ledger is refused, is another thing."""
    return [line for line in everything_sent(parts) if line["code"]]


def step(lane_: Lane, length: timedelta = SLICE) -> None:
    advance(lane_, until=lane_.services.clock.now() + length)


def go_on(lane_: Lane, *, until: Callable[[], bool]) -> None:
    for _ in range(400):
        if until():
            return
        step(lane_, timedelta(0))  # as little as can be done at a time
        lane_.services.clock.sleep(0.02)
    raise AssertionError(f"it never comes to that: {states(lane_.services)}")


def row_of(parts: Services) -> Any:
    with reading(parts.engine) as connection:
        return load_store(connection, 1)


def begun(parts: Services, state: RunState) -> bool:
    return state in states(parts)


@pytest.mark.parametrize("at", ["planned", "minting", "sending"])
def test_a_restored_backup_refuses_explains_and_after_rearm_repeats_nothing(
    database_url: str, tmp_path: Path, backup: Backup, at: str
) -> None:
    moment = {"minting": RunState.MINTING, "sending": RunState.SENDING}.get(at)
    with running(tmp_path / "store", customers=1_000, batch_pause=0.05) as store:
        with working(store, database_url, tmp_path) as (parts, lane_):
            started = plan_and_approve(parts)
            if moment is not None:
                go_on(lane_, until=lambda: begun(parts, moment))
        restore = backup(tmp_path)
        with working(store, database_url, tmp_path) as (parts, lane_):
            go_on(lane_, until=lambda: states(parts) == {RunState.TRACKING})
            with reading(parts.engine) as connection:
                people = connection.scalar(sa.select(sa.func.count()).select_from(recipients))
        sent_before = outbox(parts)
        restore()

        with working(store, database_url, tmp_path) as (parts, lane_):
            for _ in range(3):
                step(lane_)
            refused = row_of(parts)
            assert refused.state == FENCED
            assert "tillroll rearm" in refused.reason
            assert "restored" in refused.reason or "copy" in refused.reason
            assert outbox(parts) == sent_before
            doubt = look_at_doubt(parts, lane_.client, refused)
            assert doubt is not None
            assert doubt.runs

            rearm(parts, lane_.client, refused, person="ana@shop.example")
            assert look_at_doubt(parts, lane_.client, row_of(parts)) is None
            for _ in range(20):
                step(lane_)
                parts.clock.sleep(0.02)
            holds_after(parts, store, people, sent_before, started)


def holds_after(
    parts: Services, store: Sandbox, people: int | None, sent_before: list[dict[str, Any]], started: list[int]
) -> None:
    """No second code for anybody, no e-mail twice, every coupon of ours known, and nothing unexplained."""
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
