"""One campaign, plan, order or run fails at any line of its work in the ledger: each of the others is dealt with exactly once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import book_of
from tests.security.chaos import BOTH_DATABASES, LineTracer, Scenario, end_pauses, told, try_lines
from tests.send.room import CAMPAIGN, planned
from tests.shop import NOW, add_store, planned_run, run_row
from tests.track.test_redeem import order
from tillroll.approve.act import settle_waiting_runs
from tillroll.campaign.states import FaultState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Run
from tillroll.ledger.tables import approvals, campaigns, codes, faults, redemptions, runs
from tillroll.mint.issue.reserve import reserve
from tillroll.plan.due.slots import create_due_runs, start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import ActiveCampaign, record_book
from tillroll.track.results.redeem import end_runs, mark_redemptions

WEEKLY = """title: Weekly
owner: ana@shop.example
status: active
when: {cron: "0 9 * * MON"}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""
BY_ITSELF = CAMPAIGN + "approval: {by: 1, expires: 48h, auto_when: {codes: 1000, worst_case: 100000}}\n"
MONDAY = NOW + timedelta(days=7)
MANY = 20
FEW = 6  # plans, which take long to make
TURNS = 4
"""Three faults set an item aside; one more turn shows that it rests."""


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def alone(value: Any) -> Any:
    """Return the item of a list with one, and anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def check_served(
    engine: Engine, served: Counter[str], victim: str, scenario: Scenario, *, many: int = MANY
) -> None:
    """Check that everybody but the victim was served exactly once, and the victim too, or it is set aside."""
    others = {name: count for name, count in served.items() if name != victim}
    assert len(others) == many - 1, scenario
    assert set(others.values()) == {1}, scenario
    assert served[victim] <= 1, scenario
    if not served[victim]:
        found = told(engine, MONDAY)
        assert {fault.state for fault in found} == {FaultState.SET_ASIDE}, scenario
        assert any(victim in fault.item or str(fault.run_id) == victim for fault in found), scenario


def slots_at_lines(engine: Engine, *, most: int, seed: int) -> None:
    store_id, victim = add_store(engine), f"weekly-{MANY // 2}"
    book = book_of(**{f"weekly-{number}": WEEKLY for number in range(MANY)})
    record_book(engine, store_id=store_id, book=book, now=NOW)

    def is_victim(name: str, value: Any) -> bool:
        value = alone(value)
        active = value[0] if isinstance(value, tuple) and value else value
        if isinstance(active, ActiveCampaign):
            return active.name == victim
        return name == "record" and getattr(value, "name", "") == victim

    def attempt(tracer: LineTracer) -> Counter[str]:
        with writing(engine) as connection:
            connection.execute(sa.delete(runs))
            connection.execute(sa.delete(faults))
            connection.execute(sa.update(campaigns).values(considered_until=NOW))
        for _ in range(TURNS):
            with tracer.watching():
                create_due_runs(engine, store_id=store_id, now=MONDAY)
            end_pauses(engine)
        with reading(engine) as connection:
            return Counter(connection.scalars(sa.select(runs.c.campaign)))

    def check(made: Counter[str], scenario: Scenario) -> None:
        check_served(engine, made, victim, scenario)

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=30)


def approvals_at_lines(engine: Engine, *, most: int, seed: int) -> None:
    store_id, first = planned(engine, BY_ITSELF, people=1)
    ids = [first]
    for number in range(1, FEW):
        key = f"again {number}"
        ids.append(start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW, key=key))
        make_plan(engine, run_id=ids[-1], now=NOW, per_minute=600)
    victim = ids[FEW // 2]

    def is_victim(name: str, value: Any) -> bool:
        run_id = value if name == "run_id" else getattr(value, "run_id", None)
        return bool(run_id == victim)

    def attempt(tracer: LineTracer) -> Counter[str]:
        with writing(engine) as connection:
            connection.execute(sa.delete(approvals))
            connection.execute(sa.delete(faults))
            connection.execute(sa.update(runs).values(state=RunState.WAITING))
        for _ in range(TURNS):
            with tracer.watching():
                settle_waiting_runs(engine, store_id=store_id, now=NOW)
            end_pauses(engine)
        with reading(engine) as connection:
            approved = set(connection.scalars(sa.select(runs.c.id).where(runs.c.state == RunState.APPROVED)))
            by_plan = sa.select(runs.c.id).join(approvals, approvals.c.plan_id == runs.c.plan_id)
            agreed = Counter(connection.scalars(by_plan))
        assert approved == set(agreed), "a run is approved with its approval, or neither is written"
        return Counter({str(run_id): count for run_id, count in agreed.items()})

    def check(agreed: Counter[str], scenario: Scenario) -> None:
        check_served(engine, agreed, str(victim), scenario, many=FEW)

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=40)


def orders_at_lines(engine: Engine, *, most: int, seed: int) -> None:
    store_id, run_id = planned_run(engine)
    reserve(engine, run=run_row(engine, run_id), now=NOW)
    with reading(engine) as connection:
        code = connection.scalars(sa.select(codes.c.code).limit(1)).one()
    victim = f"A{MANY // 2}"
    for number in range(MANY):
        paid = "PARTIALLY_REFUNDED" if f"A{number}" == victim else "PAID"
        order(engine, store_id, f"A{number}", coupon_code=code, payment_status=paid)

    def is_victim(_name: str, value: Any) -> bool:
        return value == "PARTIALLY_REFUNDED" or getattr(alone(value), "order_id", None) == victim

    def attempt(tracer: LineTracer) -> Counter[str]:
        with writing(engine) as connection:
            connection.execute(sa.delete(redemptions))
            connection.execute(sa.delete(faults))
        for _ in range(TURNS):
            with tracer.watching():
                mark_redemptions(engine, store_id=store_id, seen_since=NOW)
        with reading(engine) as connection:
            discounts = connection.execute(sa.select(redemptions.c.order_id, redemptions.c.discount))
            return Counter(row.order_id for row in discounts if row.discount == Decimal(9))

    def check(used: Counter[str], scenario: Scenario) -> None:
        check_served(engine, used, victim, scenario)

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=15, apart=True)


def ends_at_lines(engine: Engine, *, most: int, seed: int) -> None:
    store_id, run_id = planned_run(engine)
    with writing(engine) as connection:
        row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).mappings().one()
        also = {name: value for name, value in row.items() if name not in {"id", "slot_key", "plan_id"}}
        connection.execute(
            sa.insert(runs), [{**also, "slot_key": f"again {number}"} for number in range(1, MANY)]
        )
        ids = sorted(connection.scalars(sa.select(runs.c.id)))
    victim = ids[MANY // 2]

    def is_victim(name: str, value: Any) -> bool:
        return (name == "run_id" and value == victim) or (isinstance(value, Run) and value.id == victim)

    def attempt(tracer: LineTracer) -> Counter[str]:
        with writing(engine) as connection:
            connection.execute(sa.delete(faults))
            connection.execute(sa.update(runs).values(state=RunState.TRACKING, valid_until=NOW))
        for _ in range(TURNS):
            with tracer.watching():
                end_runs(engine, store_id=store_id, now=MONDAY)
        with reading(engine) as connection:
            over = sa.select(runs.c.id).where(runs.c.state == RunState.DONE)
            return Counter(str(each) for each in connection.scalars(over))

    def check(over: Counter[str], scenario: Scenario) -> None:
        check_served(engine, over, str(victim), scenario)

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=3)


ALL = [slots_at_lines, approvals_at_lines, orders_at_lines, ends_at_lines]


@pytest.mark.parametrize("at_lines", ALL, ids=[each.__name__ for each in ALL])
def test_one_of_many_fails(ledger: Engine, at_lines: Any) -> None:
    at_lines(ledger, most=4, seed=1)


@pytest.mark.once
@pytest.mark.parametrize("at_lines", ALL, ids=[each.__name__ for each in ALL])
def test_one_of_many_fails_at_every_line(ledger: Engine, at_lines: Any) -> None:
    at_lines(ledger, most=1_000, seed=2)
