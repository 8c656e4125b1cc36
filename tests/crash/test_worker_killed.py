"""The real worker is killed several times at random moments, on both databases: nothing is missing, nothing is done twice."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import sqlalchemy as sa

from tests.crash.worker import (
    PATIENCE,
    figures,
    finish,
    holds,
    installation,
    plan_and_approve,
    start_worker,
    states,
)
from tests.store import running
from tillroll.campaign.states import ChunkState, MessageState, RunState
from tillroll.ledger.tables import chunks, messages
from tillroll.wiring import Services

KILLS = 5
CUSTOMERS = 2_500


def intent_is_open(parts: Services) -> bool:
    """Return whether a call or an e-mail is on its way: the crash that matters most is between intent and outcome."""
    with parts.engine.connect() as connection:
        sending = sa.select(sa.func.count()).where(messages.c.state == MessageState.SENDING)
        posting = sa.select(sa.func.count()).where(chunks.c.state == ChunkState.POSTING)
        return bool(connection.scalar(sending) or connection.scalar(posting))


def kill_while_busy(parts: Services, environment: dict[str, str], draw: random.Random, *, amid: bool) -> str:
    """Start a worker, wait until it has done something, and kill it a random moment later. Returns the states of the runs.

    `amid`: kill it as soon as it has recorded an intent without an outcome.
    """
    before = figures(parts)
    worker = start_worker(environment)
    deadline = time.monotonic() + PATIENCE
    while figures(parts) == before and states(parts) != {RunState.TRACKING}:
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < deadline, f"nothing happens: {before} {states(parts)}"
        time.sleep(0.01)
    time.sleep(draw.uniform(0.0, 0.4))
    while amid and not intent_is_open(parts) and states(parts) != {RunState.TRACKING}:
        time.sleep(0.001)
    if amid:
        time.sleep(draw.uniform(0.0, 0.03))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    return " and ".join(sorted(states(parts)))


def test_after_several_kills_nothing_is_missing_and_nothing_is_done_twice(
    database_url: str, tmp_path: Path
) -> None:
    draw = random.Random(20261123)
    with (
        running(tmp_path / "store", customers=CUSTOMERS, batch_pause=0.2) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
    ):
        plan_and_approve(parts)
        killed_at = [kill_while_busy(parts, environment, draw, amid=kill % 2 == 1) for kill in range(KILLS)]
        assert any("minting" in moment for moment in killed_at), killed_at
        assert any("sending" in moment for moment in killed_at), killed_at
        assert finish(parts, environment) == 0
        holds(parts, store)
