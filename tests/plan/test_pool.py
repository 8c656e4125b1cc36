"""When a pool is filled, and with how many codes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.send.room import agreed, minted
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row
from tillroll.approve.act import reject, settle_waiting_runs
from tillroll.approve.halt import halt
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import codes, plans, runs
from tillroll.plan.due.pool import fill_pools
from tillroll.plan.due.slots import create_due_runs
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

POOL = """title: Vouchers
owner: ana@shop.example
status: active
when: {manual: true}
offer: {kind: amount, value: 5, valid: {for: 30d}}
codes: {pool: {size: 10, low_water: 4}}
"""


@pytest.fixture
def shop(ledger: Engine) -> int:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, *(lapsed(number) for number in range(1, 9)))
    record_book(ledger, store_id=store_id, book=book_of(pool=POOL), now=NOW)
    return store_id


def fill(engine: Engine, store_id: int, now: Any = NOW) -> int:
    return fill_pools(engine, store_id=store_id, now=now)


def filled(engine: Engine, store_id: int) -> int:
    """Fill a pool for the first time, mint its codes and return the run."""
    assert fill(engine, store_id) == 1
    run_id = last(engine)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    assert agreed(engine, run_id) is RunState.MINTING
    minted(engine, run_id, FakeClock())
    assert run_row(engine, run_id).state == RunState.TRACKING
    return run_id


def last(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.max(runs.c.id))) or 0)


def hand_out_of(engine: Engine, count: int, **values: Any) -> None:
    with writing(engine) as connection:
        ids = connection.scalars(
            sa.select(codes.c.id)
            .where(codes.c.handed_at.is_(None), codes.c.state == CodeState.LIVE)
            .limit(count)
        ).all()
        connection.execute(sa.update(codes).where(codes.c.id.in_(ids)).values(values or {"handed_at": NOW}))


def test_an_empty_pool_is_filled_once_however_often_it_is_checked(ledger: Engine, shop: int) -> None:
    assert [fill(ledger, shop) for _ in range(3)] == [1, 0, 0]
    run_id = last(ledger)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        row = connection.execute(sa.select(plans)).one()
        plan = load_plan(connection, run_id)
    assert (row.code_count, row.audience_count, row.worst_case) == (10, 0, 50)
    assert plan is not None
    assert plan.proposal.audience.sentence == "Nobody yet: these codes are handed out later."
    assert run_row(ledger, run_id).slot_key == "pool 1"


def test_a_pool_below_its_low_water_is_filled_up_to_its_size(ledger: Engine, shop: int) -> None:
    filled(ledger, shop)
    hand_out_of(ledger, 6)
    assert fill(ledger, shop) == 0  # four are left
    hand_out_of(ledger, 1)
    assert fill(ledger, shop) == 1
    make_plan(ledger, run_id=last(ledger), now=NOW, per_minute=600)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(plans.c.code_count).where(plans.c.run_id == last(ledger))) == 7


@pytest.mark.parametrize("gone", [{"state": CodeState.REVOKED}, {"state": CodeState.FAILED}])
def test_revoked_and_failed_codes_do_not_count_as_available(
    ledger: Engine, shop: int, gone: dict[str, Any]
) -> None:
    filled(ledger, shop)
    hand_out_of(ledger, 7, **gone)
    assert fill(ledger, shop) == 1


def test_codes_that_expire_within_a_day_do_not_count_as_available(ledger: Engine, shop: int) -> None:
    first = filled(ledger, shop)
    until = run_row(ledger, first).valid_until
    assert fill(ledger, shop, until - timedelta(days=1, seconds=1)) == 0
    assert fill(ledger, shop, until - timedelta(days=1)) == 1


def test_a_rejected_fill_is_proposed_again_a_day_later(ledger: Engine, shop: int) -> None:
    fill(ledger, shop)
    run_id = last(ledger)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    reject(ledger, run_id=run_id, digest=plan.digest, person=ANA, note="not now", now=NOW)
    assert fill(ledger, shop, NOW + timedelta(hours=23)) == 0
    assert fill(ledger, shop, NOW + timedelta(hours=25)) == 1
    assert run_row(ledger, last(ledger)).slot_key == "pool 2"


def test_codes_of_a_halted_fill_do_not_count_as_available(ledger: Engine, shop: int) -> None:
    halt(ledger, run_id=filled(ledger, shop), person=ANA, note="", now=NOW)
    assert fill(ledger, shop, NOW + timedelta(hours=25)) == 1


def test_a_pool_whose_e_mails_differ_by_arm_gets_a_single_plan(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, lapsed(1))
    text = POOL + (
        "who: {segment: lapsed-90}\nmessage: {template: winback, subject: One}\n"
        "variants:\n  - {name: a}\n  - {name: b, message: {subject: Two}}\n"
    )
    record_book(ledger, store_id=store_id, book=book_of(pool=text), now=NOW)
    fill(ledger, store_id)
    make_plan(ledger, run_id=last(ledger), now=NOW, per_minute=600)
    with ledger.connect() as connection:
        plan = load_plan(connection, last(ledger))
    assert plan is not None
    proposal = plan.proposal
    assert (proposal.code_count, proposal.exposure.worst_case) == (10, 50)
    assert (proposal.arms, proposal.subject, proposal.template) == ((), "", "")


def test_a_removed_pool_is_not_filled(ledger: Engine, shop: int) -> None:
    fill(ledger, shop)
    plain = POOL.replace("codes: {pool: {size: 10, low_water: 4}}", "").replace(
        "offer:", "who: {segment: lapsed-90}\nmessage: {template: winback, subject: One}\noffer:"
    )
    record_book(ledger, store_id=shop, book=book_of(pool=plain), now=NOW)
    assert make_plan(ledger, run_id=last(ledger), now=NOW, per_minute=600) is RunState.DONE
    assert run_row(ledger, last(ledger)).reason == "the campaign has no pool any more"


@pytest.mark.parametrize(("codes_", "state"), [(9, RunState.WAITING), (10, RunState.APPROVED)])
def test_a_fill_is_approved_automatically_when_the_campaign_allows_it(
    ledger: Engine, codes_: int, state: RunState
) -> None:
    store_id = add_store(ledger)
    text = POOL + f"approval: {{auto_when: {{codes: {codes_}, worst_case: 50}}}}\n"
    record_book(ledger, store_id=store_id, book=book_of(pool=text), now=NOW)
    fill(ledger, store_id)
    make_plan(ledger, run_id=last(ledger), now=NOW, per_minute=600)
    settle_waiting_runs(ledger, store_id=store_id, now=NOW)
    assert run_row(ledger, last(ledger)).state == state


def test_a_schedule_creates_no_runs_for_a_campaign_that_only_fills_its_pool(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, lapsed(1))
    daily = POOL.replace("{manual: true}", '{cron: "0 9 * * *"}')
    record_book(ledger, store_id=store_id, book=book_of(pool=daily), now=NOW)
    assert create_due_runs(ledger, store_id=store_id, now=NOW + timedelta(days=3)) == 0
    with writing(ledger) as connection:  # as an older version may have written it
        row = {"store_id": store_id, "campaign": "pool", "slot_key": "x", "slot_at": NOW, "state": "planning"}
        connection.execute(sa.insert(runs).values(**row, created_at=NOW, changed_at=NOW))
    assert make_plan(ledger, run_id=last(ledger), now=NOW, per_minute=600) is RunState.DONE
    assert "only fills its pool" in run_row(ledger, last(ledger)).reason


def test_a_pool_that_may_run_empty_is_filled_once(ledger: Engine, shop: int) -> None:
    once = book_of(pool=POOL.replace("low_water: 4", "low_water: 0"))
    record_book(ledger, store_id=shop, book=once, now=NOW)
    filled(ledger, shop)
    hand_out_of(ledger, 10)
    assert fill(ledger, shop) == 0
    assert fill(ledger, shop, NOW + timedelta(days=60)) == 0  # its codes have expired
