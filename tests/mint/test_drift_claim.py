"""Only one process at a time compares a store's coupons."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, runs, stores
from tillroll.loop.advance import StoreWorker
from tillroll.loop.stages.upkeep import look_for_drift
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.claim import ABANDONED_AFTER, claim, keep
from tillroll.mint.reconcile.nightly import NightlyComparison

MINUTE = timedelta(minutes=1)


def test_a_comparison_is_claimed_by_one_process_and_taken_over_once_abandoned(ledger: Engine) -> None:
    store = add_store(ledger)

    def begin(now: datetime) -> bool:
        with writing(ledger) as connection:
            return claim(connection, store, now)

    def keep_on(mine: datetime, now: datetime | None) -> bool:
        with writing(ledger) as connection:
            return keep(connection, store, mine, now)

    assert begin(NOW)
    assert not begin(NOW + MINUTE)
    assert keep_on(NOW, NOW + MINUTE)
    assert not begin(NOW + ABANDONED_AFTER)  # counted from its last step
    assert begin(NOW + MINUTE + ABANDONED_AFTER)
    assert not keep_on(NOW + MINUTE, NOW + ABANDONED_AFTER)  # it wasn't dead, and must leave it
    assert not keep_on(NOW + MINUTE, None)
    assert keep_on(NOW + MINUTE + ABANDONED_AFTER, None)
    assert begin(NOW + MINUTE + ABANDONED_AFTER)


def a_code(engine: Engine, now: datetime) -> None:
    """Add a code to compare."""
    run = {"store_id": 1, "campaign": "one", "slot_key": "1", "slot_at": now, "state": RunState.TRACKING}
    code = {"store_id": 1, "code": "ONE", "state": CodeState.RESERVED, "reserved_at": now, "changed_at": now}
    with writing(engine) as connection:
        inserted = sa.insert(runs).values(**run, created_at=now, changed_at=now).returning(runs.c.id)
        run_id = connection.execute(inserted).scalar_one()
        connection.execute(sa.insert(codes).values(run_id=run_id, **code))


def test_one_of_two_workers_starts_the_nightly_comparison_and_a_person_takes_it_over(
    worker: StoreWorker,
) -> None:
    services = worker.services
    engine, clock = services.engine, services.clock
    a_code(engine, clock.now())
    other = StoreWorker(services=services, store_id=1, client=worker.client)
    context = MintContext(engine=engine, client=worker.client, clock=clock, store_id=1)
    at_once = clock.now()
    assert look_for_drift(worker, context, at_once) is not None
    assert worker.nightly is not None
    later = look_for_drift(other, context, at_once)
    assert later is not None
    assert later > clock.now() + timedelta(seconds=2)
    assert other.nightly is None

    by_hand = NightlyComparison.start_anyway(context)
    assert look_for_drift(worker, context, clock.now() + MINUTE) is None
    assert worker.nightly is None
    with reading(engine) as connection:
        assert connection.scalar(sa.select(stores.c.drift_at)) is None  # what it left isn't over
    assert by_hand.step(clock.now() + MINUTE)
    assert not by_hand.taken_over
    with reading(engine) as connection:
        assert connection.scalar(sa.select(stores.c.drift_at)) is not None
    assert look_for_drift(other, context, clock.now() + MINUTE) is None
    assert other.nightly is None  # not due again
