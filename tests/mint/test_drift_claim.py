"""One process at a time looks for drift."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, runs, stores
from tillroll.loop.advance import Lane
from tillroll.loop.stages import look_for_drift
from tillroll.mint.drift.claim import DEAD, claim, keep
from tillroll.mint.drift.compare import Look
from tillroll.mint.parts import Mint

MINUTE = timedelta(minutes=1)


def test_a_look_is_begun_by_one_and_taken_over_when_it_is_left(ledger: Engine) -> None:
    store = add_store(ledger)

    def begin(now: datetime) -> bool:
        with writing(ledger) as connection:
            return claim(connection, store, now)

    def go_on(mine: datetime, now: datetime | None) -> bool:
        with writing(ledger) as connection:
            return keep(connection, store, mine, now)

    assert begin(NOW)
    assert not begin(NOW + MINUTE)
    assert go_on(NOW, NOW + MINUTE)
    assert not begin(NOW + DEAD)  # counted from its last step
    assert begin(NOW + MINUTE + DEAD)
    assert not go_on(NOW + MINUTE, NOW + DEAD)  # it wasn't dead, and must leave it
    assert not go_on(NOW + MINUTE, None)
    assert go_on(NOW + MINUTE + DEAD, None)
    assert begin(NOW + MINUTE + DEAD)


def a_code(engine: Engine, now: datetime) -> None:
    """Something to look for."""
    run = {"store_id": 1, "campaign": "one", "slot_key": "1", "slot_at": now, "state": RunState.TRACKING}
    code = {"store_id": 1, "code": "ONE", "state": CodeState.RESERVED, "reserved_at": now, "changed_at": now}
    with writing(engine) as connection:
        inserted = sa.insert(runs).values(**run, created_at=now, changed_at=now).returning(runs.c.id)
        run_id = connection.execute(inserted).scalar_one()
        connection.execute(sa.insert(codes).values(run_id=run_id, **code))


def test_of_two_workers_one_begins_the_nightly_look_and_a_person_takes_it_over(lane: Lane) -> None:
    services = lane.services
    engine, clock = services.engine, services.clock
    a_code(engine, clock.now())
    other = Lane(services=services, store_id=1, client=lane.client)
    mint = Mint(engine=engine, client=lane.client, clock=clock, store_id=1)
    at_once = clock.now()
    assert look_for_drift(lane, mint, at_once) is not None
    assert lane.look is not None
    later = look_for_drift(other, mint, at_once)
    assert later is not None
    assert later > clock.now() + timedelta(seconds=2)
    assert other.look is None

    by_hand = Look.in_any_case(mint)
    assert look_for_drift(lane, mint, clock.now() + MINUTE) is None
    assert lane.look is None
    with reading(engine) as connection:
        assert connection.scalar(sa.select(stores.c.drift_at)) is None  # what it left isn't over
    assert by_hand.step(clock.now() + MINUTE)
    assert not by_hand.taken_over
    with reading(engine) as connection:
        assert connection.scalar(sa.select(stores.c.drift_at)) is not None
    assert look_for_drift(other, mint, clock.now() + MINUTE) is None
    assert other.look is None  # not due again
