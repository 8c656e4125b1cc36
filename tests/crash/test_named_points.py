"""A worker dies at every named crash point in turn, and the next one continues: the guarantees of the design (section 4) hold."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.crash.points import OLD_KEY, ONE_BY_ONE, PATH, POINTS, SENDING, Point
from tests.crash.shop import ON_TOP, Shop, complete, shop, tell_twice, unbroken
from tests.crash.worker import Child, start_worker, states, worker_log
from tests.store import lay_faults
from tillroll.campaign.states import RunState

EMBEDDED = pytest.param(("sqlite", "embedded"), id="sqlite-embedded")
DISTRIBUTED = pytest.param(
    ("postgresql", "distributed"), id="postgresql-distributed", marks=pytest.mark.postgres
)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return the address of a fresh ledger, and the engine that works on it."""
    kind, engine = request.param
    return request.getfixturevalue(f"{kind}_url"), engine


def test_a_worker_dies_at_every_named_point_and_nothing_is_lost_or_done_twice(
    sqlite_url: str, tmp_path: Path
) -> None:
    """One run whose workers die at each point in turn, and one with a few codes. PostgreSQL and faults are in the slow tests."""
    with shop(tmp_path, sqlite_url, batch_pause=0.02) as made:
        die_everywhere(made)


def die_everywhere(made: Shop) -> None:
    made.begin("many")
    for point in PATH:
        made.die(point)
        if point.name == "posted, answer lost":
            made.age()
            for later in OLD_KEY:
                made.die(later)
    for point in SENDING:
        made.die(point)
    assert complete(made, runs_=1) > 500, "more than one chunk"
    made.begin("few")
    for point in ONE_BY_ONE:
        made.forget_comparing()
        made.die(point)
    complete(made, runs_=2)


@pytest.mark.slow
def test_on_postgresql_too(postgresql_url: str, tmp_path: Path) -> None:
    with shop(tmp_path, postgresql_url, batch_pause=0.02) as made:
        die_everywhere(made)


@pytest.mark.slow
@pytest.mark.parametrize("place", [EMBEDDED, DISTRIBUTED], indirect=True)
@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_a_worker_dies_there_amid_lost_answers_and_other_faults(
    place: tuple[str, str], tmp_path: Path, point: Point
) -> None:
    """Each point by itself, on each kind of database and with each engine, in a store with faults."""
    url, engine = place
    with shop(tmp_path, url, engine=engine, batch_pause=0.02) as made:
        lay_faults(made.store, **ON_TOP)
        made.begin("few" if point in ONE_BY_ONE else "many")
        for earlier in _before(point):
            made.die(earlier)
        if point in OLD_KEY:
            made.age()
        made.die(point)
        assert complete(made, runs_=1)


def _before(point: Point) -> tuple[Point, ...]:
    """Return the points where a worker must have died for another one to reach the point."""
    if point in OLD_KEY:
        return tuple(one for one in PATH if one.name == "intended")
    return ONE_BY_ONE[:1] if "lookup" in point.function else ()


@pytest.mark.slow
def test_fifty_deaths_at_random_moments_amid_faults(database_url: str, tmp_path: Path) -> None:
    """Fifty deaths at random moments, then deaths amid minting and amid sending if none happened there.

    A slow machine may kill each worker before it has begun, so the last deaths wait for the state and not for a time.
    The distributed engine notices a death after some seconds: there one of several dies (test_several_killed.py).
    """
    draw = random.Random(20261124)
    with shop(tmp_path, database_url, customers=3_000, batch_pause=0.1) as made:
        lay_faults(made.store, **ON_TOP)
        begun, died_while = 0, set()
        for _ in range(50):
            begun += begin_if_idle(made, begun)
            died_while |= die_at_random(made, draw, longest=1.5)
        for wanted in (RunState.MINTING, RunState.SENDING):
            while wanted not in died_while and begun < 50:
                begun += begin_if_idle(made, begun)
                died_while |= die_while(made, wanted)
        assert died_while >= {RunState.MINTING, RunState.SENDING}
        assert complete(made, runs_=begun) > 1_000


def begin_if_idle(made: Shop, begun: int) -> int:
    """Begin a run if none is under way. Returns how many began: 0 or 1."""
    if states(made.parts) - {RunState.TRACKING}:
        return 0
    made.begin(("many", "few")[begun % 2])
    return 1


@pytest.mark.once
def test_a_hundred_thousand_codes(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw, began = random.Random(20261124), time.monotonic()
    with shop(tmp_path, database_url, customers=170_000) as made:
        made.begin("many")
        # A worker lives longer here: reading the customers takes longer than its life below.
        assert RunState.MINTING in die_while(made, RunState.MINTING)
        died_while: set[str] = set()
        deaths = 0
        while states(made.parts) != {RunState.TRACKING} and deaths < 25:
            died_while |= die_at_random(made, draw, longest=15.0)
            deaths += 1
        wanted = complete(made, runs_=1, patience=1_800)
    with capsys.disabled():
        took = time.monotonic() - began
        sys.stdout.write(f"\n{wanted} codes, {deaths} deaths while {sorted(died_while)}, {took:.0f} s\n")
    assert wanted > 100_000
    assert died_while >= {RunState.MINTING, RunState.SENDING}


def die_while(made: Shop, wanted: RunState) -> set[str]:
    """Let a worker continue until a run is in the state or all have ended, and kill it. Returns the states of the runs."""
    worker = start_worker(made.environment)
    deadline = time.monotonic() + 600
    while wanted not in (now := states(made.parts)) and now - {RunState.TRACKING}:
        assert worker.poll() is None, worker_log(made.environment).read_text()
        assert time.monotonic() < deadline, f"it never comes to {wanted}: {now}"
        time.sleep(0.01)
    return killed(made, worker)


def die_at_random(made: Shop, draw: random.Random, *, longest: float) -> set[str]:
    """Let a worker continue for a random time and kill it. Returns the states of the runs."""
    tell_twice(made.parts)
    worker = start_worker(made.environment)
    end = time.monotonic() + draw.uniform(0.0, longest)
    while time.monotonic() < end:
        assert worker.poll() is None, worker_log(made.environment).read_text()
        time.sleep(0.01)
    return killed(made, worker)


def killed(made: Shop, worker: Child) -> set[str]:
    """Kill the worker and check what holds between two workers. Returns the states of the runs."""
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    unbroken(made, "a random moment")
    return states(made.parts)
