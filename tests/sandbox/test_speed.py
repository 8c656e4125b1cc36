"""The stores' clock, and what runs by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import NOON, HandClock
from tillroll.sandbox.memory.speed import clock_of
from tillroll.sandbox.memory.state import State

Open = Callable[..., Any]


@pytest.fixture
def state(tmp_path: Path) -> Any:
    opened = State(tmp_path)
    yield opened
    opened.close()


def test_at_speed_one_the_clock_is_the_one_below(state: State) -> None:
    below = HandClock()
    assert clock_of(state, below, 1) is below


def test_a_fast_clock_begins_now_and_runs_ahead(state: State) -> None:
    below = HandClock()
    clock = clock_of(state, below, 60)
    assert clock.now() == NOON
    below.pass_by(2)
    assert clock.now() == NOON + timedelta(minutes=2)
    clock.sleep(0.3)
    assert below.moment == NOON + timedelta(seconds=2.005)


def test_started_again_at_any_speed_the_clock_never_runs_back(state: State) -> None:
    below = HandClock()
    clock = clock_of(state, below, 3600)
    below.pass_by(2)
    assert clock_of(state, below, 3600).now() == clock.now() == NOON + timedelta(hours=2)
    slow = clock_of(state, below, 1)
    assert slow.now() == NOON + timedelta(hours=2)
    below.pass_by(1)
    assert slow.now() == NOON + timedelta(hours=2, seconds=1)
    assert clock_of(state, below, 10).now() == slow.now()


def test_the_minute_passes_quickly_and_waits_are_told_in_the_clients_seconds(store: Open) -> None:
    api = store(with_={"speed": 10.0}, requests_per_minute=1, penalty_seconds=0.0)
    statuses = [api.call("GET", "/profile") for _ in range(2)]
    assert [one.status_code for one in statuses] == [200, 429]
    assert statuses[1].headers["Retry-After"] == "6"
    api.clock.pass_by(6)
    assert api.call("GET", "/profile").status_code == 200
    assert api.counters()["knocks"] == 0


def test_a_wait_is_never_told_as_nothing(store: Open) -> None:
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
