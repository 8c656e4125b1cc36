"""A pool of codes: it is filled when it runs low, and each code is handed out once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.journeys.path import agree, compare, finish, go_on, outbox, state
from tests.journeys.steps import book_of, plan_of, see_orders, wake, write_down
from tests.shop import run_row
from tests.store import buy
from tillroll.campaign.states import CodeState, RunState
from tillroll.errors import Refused
from tillroll.ledger.tables import audit, codes, messages, runs
from tillroll.loop.advance import StoreWorker
from tillroll.mint.export import reveal_codes
from tillroll.mint.pools.hand_out import take_by_hand
from tillroll.plan.due.slots import start_by_hand
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services

FAIR = """title: Vouchers for the fair
owner: ana@shop.example
status: active
when: {manual: true}
offer: {kind: amount, value: 5, valid: {for: 90d}}
codes: {prefix: FAIR, pool: {size: 8, low_water: 3}}
"""
THANKS = """title: Thank you
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, limit: 6}
offer: {kind: percent, value: 10, valid: {for: 60d}}
codes: {prefix: TY, pool: {size: 10, low_water: 5}}
message: {template: winback, subject: Thank you}
"""


def pool_run(worker: StoreWorker, slot: str) -> int:
    """Return the run that fills the pool, once its plan waits for approval."""
    services = worker.services

    def there() -> bool:
        with services.engine.connect() as connection:
            query = sa.select(runs.c.id).where(runs.c.slot_key == slot, runs.c.state == RunState.WAITING)
            return connection.scalar(query) is not None

    go_on(worker, until=there)
    with services.engine.connect() as connection:
        found: int = connection.scalars(sa.select(runs.c.id).where(runs.c.slot_key == slot)).one()
    return found


def take(services: Services, count: int) -> list[dict[str, Any]]:
    return take_by_hand(
        services.engine,
        store_id=1,
        campaign="fair",
        count=count,
        person="ana@shop.example",
        whom="guest@shop.example",
        now=services.clock.now(),
    )


def test_a_pool_is_filled_when_it_runs_low_and_each_code_is_handed_out_once(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    write_down(worker, book_of(fair=FAIR))
    first = pool_run(worker, "pool 1")
    proposal = plan_of(services.engine, first).proposal
    assert (proposal.audience.count, proposal.code_count) == (0, 8)
    assert proposal.exposure.worst_case == 40
    agree(services, first)
    progress = finish(worker, first)
    assert (progress.codes_live, progress.to_send) == (8, 0)
    assert compare(worker).agrees

    taken = take(services, 6)
    assert len({one["code"] for one in taken}) == 6
    with pytest.raises(Refused, match="has 2 codes to hand out, not 3"):
        take(services, 3)
    second = pool_run(worker, "pool 2")
    assert plan_of(services.engine, second).proposal.code_count == 6
    agree(services, second)
    finish(worker, second)
    rest = take(services, 8)
    assert not {one["code"] for one in rest} & {one["code"] for one in taken}
    with services.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 0
        told = connection.scalars(sa.select(audit.c.body).where(audit.c.action == "codes.handed_out")).all()
    assert len(told) == 2
    assert not any(one["code"] in "".join(told) for one in taken)
    shown = list(reveal_codes(services.engine, run_id=first, person="ana", now=services.clock.now()))
    assert {one["code"] for one in taken} <= {row["code"] for row in shown}
    sold = buy(sandbox, email="guest@shop.example", coupon=taken[0]["code"])
    assert sold["couponDiscount"] == 5


def test_a_run_on_a_pool_waits_until_the_pool_has_enough_codes(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    write_down(worker, book_of(thanks=THANKS))
    fill = pool_run(worker, "pool 1")
    now = services.clock.now()
    run_id = start_by_hand(services.engine, store_id=1, name="thanks", person="ana", now=now)
    go_on(worker, until=lambda: state(services, run_id) is RunState.WAITING)
    proposal = plan_of(services.engine, run_id).proposal
    assert (proposal.audience.count, proposal.code_count, proposal.exposure.worst_case) == (6, 0, 0)
    agree(services, run_id)
    go_on(worker, until=lambda: "too few codes" in run_row(services.engine, run_id).reason)
    assert outbox(services) == []

    agree(services, fill)
    finish(worker, fill)
    wake(worker)
    progress = finish(worker, run_id)
    assert (progress.messages_sent, progress.to_send, progress.planned) == (6, 6, 0)
    assert compare(worker).agrees
    lines = outbox(services)
    assert len({line["code"] for line in lines}) == len(lines) == 6
    sold = buy(sandbox, email=lines[0]["to"], coupon=lines[0]["code"])
    see_orders(worker, sold["orderId"])
    with services.engine.connect() as connection:
        assert run_progress(connection, run_id).redemptions == 1
        left = connection.scalars(
            sa.select(codes.c.id).where(codes.c.state == CodeState.LIVE, codes.c.recipient_id.is_(None))
        ).all()
    assert len(left) == 4
    assert plan_of(services.engine, pool_run(worker, "pool 2")).proposal.code_count == 6


def test_codes_made_for_another_offer_are_not_handed_out(worker: StoreWorker, services: Services) -> None:
    write_down(worker, book_of(fair=FAIR))
    first = pool_run(worker, "pool 1")
    agree(services, first)
    finish(worker, first)
    write_down(worker, book_of(fair=FAIR.replace("value: 5", "value: 10")))
    with pytest.raises(Refused, match="has 0 codes"):
        take(services, 1)
    second = pool_run(worker, "pool 2")
    assert plan_of(services.engine, second).proposal.code_count == 8
    agree(services, second)
    finish(worker, second)
    assert len(take(services, 8)) == 8


def test_a_pool_can_be_filled_by_hand(worker: StoreWorker, services: Services) -> None:
    write_down(worker, book_of(fair=FAIR))
    first = pool_run(worker, "pool 1")
    now = services.clock.now()
    with pytest.raises(Refused, match=f"Run {first} is already filling the pool"):
        start_by_hand(services.engine, store_id=1, name="fair", person="ana", now=now)
    agree(services, first)
    finish(worker, first)
    take(services, 4)  # four are left: more than the low water
    by_hand = start_by_hand(services.engine, store_id=1, name="fair", person="ana", now=now)
    go_on(worker, until=lambda: state(services, by_hand) is RunState.WAITING)
    assert plan_of(services.engine, by_hand).proposal.code_count == 4
