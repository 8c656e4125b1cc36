"""The worker as a process: SIGTERM ends it after its turn, and two workers do nothing twice."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import sqlalchemy as sa

from tests.crash.worker import finish, holds, installation, plan_and_approve, start_worker
from tests.store import running
from tillroll.campaign.states import RunState
from tillroll.ledger.tables import runs
from tillroll.wiring import Services


def wait_for(parts: Services, state: RunState) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with parts.engine.connect() as connection:
            if state in set(connection.scalars(sa.select(runs.c.state))):
                return
        time.sleep(0.02)
    raise AssertionError(f"no run came to {state}")


def test_sigterm_ends_the_worker_after_its_turn_and_the_next_one_continues(
    database_url: str, tmp_path: Path
) -> None:
    with (
        running(tmp_path / "store", customers=1_200, batch_pause=0.05) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
    ):
        plan_and_approve(parts)
        worker = start_worker(environment)
        wait_for(parts, RunState.SENDING)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
        with parts.engine.connect() as connection:
            in_between = sa.text("select count(*) from messages where state = 'sending'")
            assert connection.scalar(in_between) == 0
        assert finish(parts, environment) == 0
        holds(parts, store)


def test_two_workers_do_nothing_twice(database_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path / "store", customers=1_200) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
    ):
        plan_and_approve(parts)
        other = start_worker(environment)
        assert finish(parts, environment) == 0
        other.terminate()
        assert other.wait(timeout=60) == 0
        holds(parts, store)
