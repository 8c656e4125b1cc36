"""The stores' clock, and what depends on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.sandbox.conftest import NOON
from tillroll.sandbox.state.database import State
from tillroll.sandbox.state.speed import clock_of

Open = Callable[..., Any]


@pytest.fixture
def state(tmp_path: Path) -> Any:
    opened = State(tmp_path)
    yield opened
    opened.close()


def test_at_speed_one_the_clock_equals_the_underlying_one(state: State) -> None:
    below = FakeClock(NOON)
    assert clock_of(state, below, 1) is below


def test_a_fast_clock_begins_now_and_runs_ahead(state: State) -> None:
    below = FakeClock(NOON)
    clock = clock_of(state, below, 60)
    assert clock.now() == NOON
    below.pass_by(2)
    assert clock.now() == NOON + timedelta(minutes=2)
    clock.sleep(0.3)
    assert below.at == NOON + timedelta(seconds=2.005)


def test_after_a_restart_at_any_speed_the_clock_never_runs_backwards(state: State) -> None:
    below = FakeClock(NOON)
    clock = clock_of(state, below, 3600)
    below.pass_by(2)
    assert clock_of(state, below, 3600).now() == clock.now() == NOON + timedelta(hours=2)
    slow = clock_of(state, below, 1)
    assert slow.now() == NOON + timedelta(hours=2)
    below.pass_by(1)
    assert slow.now() == NOON + timedelta(hours=2, seconds=1)
    assert clock_of(state, below, 10).now() == slow.now()


def test_the_minute_passes_quickly_and_waits_are_given_in_the_clients_seconds(store: Open) -> None:
    api = store(with_={"speed": 10.0}, requests_per_minute=1, penalty_seconds=0.0)
    statuses = [api.call("GET", "/profile") for _ in range(2)]
    assert [answer.status_code for answer in statuses] == [200, 429]
    assert statuses[1].headers["Retry-After"] == "6"
    api.clock.pass_by(6)
    assert api.call("GET", "/profile").status_code == 200
    assert api.counters()["early_requests"] == 0


def test_a_wait_is_at_least_one_second(store: Open) -> None:
    api = store(with_={"speed": 1000.0}, requests_per_minute=1)
    assert [api.call("GET", "/profile").headers.get("Retry-After") for _ in range(2)] == [None, "1"]


def test_index_lag_and_stalls_run_by_the_stores_clock(store: Open) -> None:
    api = store(with_={"speed": 60.0, "faults": {"stalled_batches": {"seconds": 120}}}, index_lag=60.0)
    assert api.call("POST", "/customers", json={"email": "late@example.com"}).status_code == 200
    ticket = api.batch([{"path": "/profile", "method": "GET"}])
    assert api.get("/customers", email="late@example.com")["total"] == 0
    api.clock.pass_by(1)
    assert api.get("/customers", email="late@example.com")["total"] == 1
    assert api.get("/batch", ticket=ticket)["status"] == "QUEUED"
    api.clock.pass_by(1)
    assert api.finished(ticket)["completedRequests"] == 1


def test_the_date_header_is_the_stores_date(store: Open) -> None:
    api = store(with_={"speed": 3600.0})
    api.clock.pass_by(3)
    assert api.call("GET", "/profile").headers["Date"] == "Mon, 02 Mar 2026 15:00:00 GMT"
