"""All faults of the store at once: the run ends well all the same, and the client keeps to the store's limits."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.journeys.path import agree, compare, holds, outbox, start, state
from tests.store import SANDBOX_HOSTS, client_of, counted, lay_faults, running
from tillroll.campaign.states import RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.pace import InMemory, Pace
from tillroll.errors import StoreDisconnected, TillrollError
from tillroll.loop.advance import StoreWorker, advance
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services

EVERYTHING: dict[str, Any] = {
    "storm": {"share": 0.01, "retry_after": 1},
    "errors": {"share": 0.05},
    "slow": {"share": 0.05, "seconds": 0.05},
    "lost_answers": {"share": 0.1},
    "resets": {"share": 0.04},
    "shifting_pages": {"share": 0.3},
    "stalled_batches": {"share": 0.3, "seconds": 1.0},
    "clock_skew": {"seconds": 90.0},
}

AT_EVERY_TURN: dict[str, Any] = {
    **EVERYTHING,
    "storm": {"share": 0.1, "retry_after": 1},
    "errors": {"share": 0.2},
    "lost_answers": {"share": 0.5},
    "resets": {"share": 0.15},
    "stalled_batches": {"share": 0.8, "seconds": 1.0},
}
"""For a run of few calls: each is likely to meet a fault."""


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_run_ends_with_one_code_and_one_e_mail_for_each(
    worker: StoreWorker, services: Services, sandbox: Sandbox, seed: int
) -> None:
    run_id = start(worker)
    agree(services, run_id)
    lay_faults(sandbox, seed=seed, **AT_EVERY_TURN)
    deadline = time.monotonic() + 60
    while state(services) is not RunState.TRACKING:
        assert time.monotonic() < deadline, state(services)
        next_at = advance(worker, until=services.clock.now() + timedelta(seconds=5))
        wait = (next_at - services.clock.now()).total_seconds() if next_at else 0.0
        services.clock.sleep(min(1.0, max(0.0, wait)))
    fired = counted(sandbox)["faults"]
    lay_faults(sandbox, **dict.fromkeys(AT_EVERY_TURN, False))
    assert len(fired) >= 3, fired
    with services.engine.connect() as connection:
        progress = run_progress(connection, run_id)
    held = progress.planned - progress.messages_sent
    if held == 0:
        holds(worker, progress)
    else:  # a customer who was deleted or changed their mind meanwhile gets no e-mail, and that is told
        assert progress.codes_live == progress.planned
        assert compare(worker).agrees
        assert len(outbox(services)) == progress.messages_sent


def many_calls(client: Client, seed: int, count: int) -> None:
    """Read and write like a worker, whatever happens, but not while the store asks to wait."""
    draw, clock = random.Random(seed), SystemClock()
    for _ in range(count):
        with suppress(TillrollError):
            if draw.random() < 0.7:
                client.customers.get(draw.randrange(1, 160))
            else:
                client.customers.set_consent(draw.randrange(1, 160), True)
        if client.connection.refused:
            return
        clock.sleep(0)


def test_hardly_a_request_is_sent_while_the_store_asks_to_wait(tmp_path: Path) -> None:
    """Two processes on one token."""
    clock, keeper = SystemClock(), InMemory()
    with running(tmp_path / "store", requests_per_minute=60_000) as store:
        lay_faults(store, seed=5, **{**EVERYTHING, "storm": {"share": 0.004, "retry_after": 1}})
        ready = store.ready
        clients = [
            Client(
                base_url=ready.base_url,
                store_id=ready.store_id,
                token=ready.token,
                hosts=SANDBOX_HOSTS,
                pace=Pace(clock, per_minute=60_000, keeper=keeper),
                clock=clock,
            )
            for _ in range(2)
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(many_calls, clients, (1, 2), (600, 600)))
        seen = counted(store)
        for client in clients:
            client.close()
    assert seen["faults"]["storm"] >= 3
    assert seen["requests"] > 1_000
    assert seen["early_requests"] <= seen["requests"] / 100, seen


def test_a_revoked_token_is_used_once_more_and_asked_about_once(sandbox: Sandbox) -> None:
    """An empty 403 may be a missing permission, so the profile is asked once whether the token is dead."""
    with client_of(sandbox) as client:
        client.shop.profile()
        lay_faults(sandbox, token_revoked={"after": 5})
        many_calls(client, 1, 200)
        assert client.connection.refused
        assert counted(sandbox)["revoked_token"] == 2
        with pytest.raises(StoreDisconnected):
            client.shop.profile()
        assert counted(sandbox)["revoked_token"] == 2


def test_the_rate_limit_is_used_fully_without_a_429(tmp_path: Path) -> None:
    """At twenty times the speed: the calls of three minutes, none of them refused."""
    with running(tmp_path / "store", speed=20.0, requests_per_minute=600) as store:
        clock, ready = FakeClock.running(speed=20.0, waits=True), store.ready
        client = Client(
            base_url=ready.base_url,
            store_id=ready.store_id,
            token=ready.token,
            hosts=SANDBOX_HOSTS,
            pace=Pace(clock, per_minute=600),
            clock=clock,
        )
        for _ in range(1_800):
            client.shop.profile()
        client.close()
        assert counted(store)["rate_limited"] == 0
