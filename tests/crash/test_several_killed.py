"""Of several workers and clocks one is killed every few seconds, with a faulty store: nothing is missing or done twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.crash.processes import PATIENCE, finished, process_group
from tests.crash.shop import Shop, shop, tell_twice
from tests.crash.worker import figures, holds, installation, plan_and_approve, states
from tests.store import lay_faults, running
from tillroll.campaign.states import RunState
from tillroll.ledger.tables import runs
from tillroll.wiring import Services

FAULTS = {
    "errors": {"share": 0.03},
    "lost_answers": {"share": 0.03},
    "slow": {"share": 0.05, "seconds": 0.2},
    "resets": {"share": 0.02},
}
TWO_MINUTES = 120.0
MANY = 20  # deaths; about fifty fall in two minutes on an idle machine
CROWDS = {"distributed": ("worker", "worker", "clock", "clock"), "embedded": ("worker", "worker")}


def survives(url: str, folder: Path, *, engine: str, customers: int, kills: int, pause: float) -> None:
    """Kill one process after another while they work, let the rest finish, and compare ledger, store and outbox."""
    draw = random.Random(20261124)
    with (
        running(folder / "store", customers=customers, batch_pause=0.2) as store,
        installation(store, url, folder) as (parts, environment),
    ):
        plan_and_approve(parts)
        lay_faults(store, **FAULTS)
        with process_group(CROWDS[engine], {**environment, "TILLROLL_ENGINE": engine}, folder) as processes:
            for _ in range(kills):
                wait_for_progress(parts)
                time.sleep(draw.uniform(0.0, 2 * pause))
                processes.kill(draw.randrange(len(processes)))
            lay_faults(store, **dict.fromkeys(FAULTS, False))
            finished(parts)
        holds(parts, store)


def wait_for_progress(parts: Services) -> None:
    """Wait until another code is live, another message is sent, or everything is done."""
    before, deadline = figures(parts), time.monotonic() + PATIENCE
    while figures(parts) == before and states(parts) != {RunState.TRACKING}:
        assert time.monotonic() < deadline, f"nothing happens: {before} {states(parts)}"
        time.sleep(0.02)


@pytest.mark.postgres
def test_two_workers_and_two_clocks_killed_in_turn_lose_and_repeat_nothing(
    postgresql_url: str, tmp_path: Path
) -> None:
    survives(postgresql_url, tmp_path, engine="distributed", customers=3_000, kills=5, pause=0.3)


def test_two_embedded_workers_killed_in_turn_lose_and_repeat_nothing(sqlite_url: str, tmp_path: Path) -> None:
    survives(sqlite_url, tmp_path, engine="embedded", customers=3_000, kills=4, pause=0.3)


def count_open_runs(parts: Services) -> int:
    """Return how many runs have not ended."""
    with parts.engine.connect() as connection:
        query = sa.select(sa.func.count()).where(runs.c.state != RunState.TRACKING)
        return int(connection.scalar(query) or 0)


def keep_busy(made: Shop, seconds: float) -> int:
    """Start another run whenever one has ended, for some seconds and until something got done. Returns how many were started."""
    begun, before = 0, figures(made.parts)
    ends, deadline = time.monotonic() + seconds, time.monotonic() + PATIENCE
    while time.monotonic() < ends or figures(made.parts) == before:
        assert time.monotonic() < deadline, f"nothing happens: {before} {states(made.parts)}"
        while count_open_runs(made.parts) < 2:
            made.begin("many")
            begun += 1
        time.sleep(0.1)
    return begun


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["embedded", pytest.param("distributed", marks=pytest.mark.postgres)])
def test_a_process_is_killed_every_few_seconds_for_two_minutes_with_runs_always_open(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    url = request.getfixturevalue("postgresql_url" if engine == "distributed" else "sqlite_url")
    draw = random.Random(20261124)
    killed = begun = 0
    with shop(tmp_path, url, customers=3_000, batch_pause=0.2) as made:
        lay_faults(made.store, **FAULTS)
        environment = {**made.environment, "TILLROLL_ENGINE": engine}
        with process_group(CROWDS[engine], environment, tmp_path) as processes:
            ends = time.monotonic() + TWO_MINUTES
            # On a busy machine it goes on for longer: each death follows some progress, and runs begin and end amid the deaths.
            while time.monotonic() < ends or killed <= MANY or begun <= 2:
                tell_twice(made.parts)
                begun += keep_busy(made, draw.uniform(1.0, 4.0))
                processes.kill(draw.randrange(len(processes)))
                killed += 1
            lay_faults(made.store, **dict.fromkeys(FAULTS, False))
            finished(made.parts)
        holds(made.parts, made.store)
