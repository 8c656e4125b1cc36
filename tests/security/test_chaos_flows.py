"""One event or one entry of a hundred fails at any line of its work: the ninety-nine enter and take their step exactly once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import add_cart, all_runs, campaign, entered, person, shop_with
from tests.security.chaos import BOTH_DATABASES, LineTracer, end_pauses, scenarios, told
from tests.shop import NOW
from tillroll.campaign.states import EntryState, FaultState
from tillroll.flows.enroll import enroll
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import writing
from tillroll.ledger.records import Entry
from tillroll.ledger.tables import campaigns, entries, faults, runs

MANY = 100
STEP = "steps:\n  - wait: 2h\n    message: {template: note, subject: One}\n"
LATER = NOW + timedelta(hours=2)


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def store_id(ledger: Engine) -> int:
    """A store in which a hundred customers left a cart."""
    people = [person(number) for number in range(1, MANY + 1)]
    store_id = shop_with(ledger, *people, cart=campaign("cart_abandoned", STEP))
    for number in range(1, MANY + 1):
        email = f"customer{number}@example.com"
        add_cart(ledger, store_id, f"c{number}", customer_id=number, email=email)
    return store_id


def check(engine: Engine, store_id: int, made: Counter[str], victim: str, name: str) -> None:
    """Everybody but the victim is there exactly once; the victim too, or it is set aside."""
    others = {key: count for key, count in made.items() if key != victim}
    assert len(others) == MANY - 1
    assert set(others.values()) == {1}
    assert made[victim] <= 1
    if not made[victim]:
        (fault,) = told(engine, NOW, store_id)
        assert fault.state is FaultState.SET_ASIDE
        assert name in fault.item


def events_at_many_lines(engine: Engine, store_id: int, *, most: int, seed: int) -> None:
    victim = "cart c50"

    def is_victim(_name: str, value: Any) -> bool:
        key = value.get("key") if isinstance(value, dict) else getattr(value, "key", None)
        return bool(key == victim)

    def look(tracer: LineTracer) -> Counter[str]:
        with writing(engine) as connection:
            connection.execute(sa.delete(entries))
            connection.execute(sa.delete(faults))
            connection.execute(sa.update(campaigns).values(considered_until=NOW - timedelta(hours=1)))
        for _ in range(4):
            with tracer.watching():
                enroll(engine, store_id=store_id, now=NOW)
            end_pauses(engine)
        return Counter(entry.key for entry in entered(engine))

    dry = LineTracer(is_victim=is_victim)
    look(dry)
    assert len(dry.seen) > 10
    for scenario in scenarios(list(dry.seen), seed=seed, most=most):
        tracer = scenario.tracer(is_victim)
        made = look(tracer)
        assert tracer.raised, scenario
        check(engine, store_id, made, victim, victim)


def entries_at_many_lines(engine: Engine, store_id: int, *, most: int, seed: int) -> None:
    enroll(engine, store_id=store_id, now=NOW)
    victim = entered(engine)[MANY // 2].id
    waiting = {"state": EntryState.WAITING, "step": 1, "due_at": LATER}

    def is_victim(_name: str, value: Any) -> bool:
        return isinstance(value, Entry) and value.id == victim

    def step(tracer: LineTracer) -> Counter[str]:
        with writing(engine) as connection:
            connection.execute(sa.delete(runs))
            connection.execute(sa.delete(faults))
            connection.execute(sa.update(entries).values(waiting))
        for _ in range(4):
            with tracer.watching():
                take_steps(engine, store_id=store_id, now=LATER)
            end_pauses(engine)
        return Counter(str(run.entry_id) for run in all_runs(engine))

    dry = LineTracer(is_victim=is_victim)
    step(dry)
    assert len(dry.seen) > 20
    for scenario in scenarios(list(dry.seen), seed=seed, most=most):
        tracer = scenario.tracer(is_victim)
        made = step(tracer)
        assert tracer.raised, scenario
        check(engine, store_id, made, str(victim), str(victim))


def test_one_event_of_a_hundred_fails(ledger: Engine, store_id: int) -> None:
    events_at_many_lines(ledger, store_id, most=5, seed=1)


def test_one_entry_of_a_hundred_fails(ledger: Engine, store_id: int) -> None:
    entries_at_many_lines(ledger, store_id, most=5, seed=1)


@pytest.mark.once
def test_one_event_of_a_hundred_fails_at_every_line(ledger: Engine, store_id: int) -> None:
    events_at_many_lines(ledger, store_id, most=1_000, seed=2)


@pytest.mark.once
def test_one_entry_of_a_hundred_fails_at_every_line(ledger: Engine, store_id: int) -> None:
    entries_at_many_lines(ledger, store_id, most=1_000, seed=2)
