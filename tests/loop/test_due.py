"""A store is due when its time has come, or when something was written for it since its last turn."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tests.store import lay_faults
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import events, runs, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.due import IDLE, due_stores, last_turn, record_turn
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import pause_store, wake

SOON = NOW + timedelta(seconds=1)
A_SLICE = timedelta(seconds=10)


def due(ledger: Engine, at: datetime) -> list[int]:
    with reading(ledger) as connection:
        return [store.store_id for store in due_stores(connection, at)]


def look(ledger: Engine, store: int, *, next_at: datetime | None = None, trouble: bool = False) -> None:
    record_turn(
        ledger, store_id=store, began=NOW, ended=NOW, next_at=next_at, polled_at=None, trouble=trouble
    )


def test_a_store_is_due_when_its_last_turn_said_so_or_after_a_minute(ledger: Engine) -> None:
    never, later, idle = (add_store(ledger, ecwid_id=number) for number in (1, 2, 3))
    look(ledger, later, next_at=NOW + timedelta(seconds=5))
    look(ledger, idle)
    assert due(ledger, SOON) == [never]
    assert due(ledger, NOW + timedelta(seconds=5)) == [never, later]
    assert due(ledger, NOW + IDLE) == [never, later, idle]


def test_what_waits_for_the_morning_keeps_no_store_from_its_turns(ledger: Engine) -> None:
    well, ill = (add_store(ledger, ecwid_id=number) for number in (1, 2))
    morning = NOW + timedelta(hours=9)
    look(ledger, well, next_at=morning)
    look(ledger, ill, next_at=morning, trouble=True)  # it rests
    assert due(ledger, SOON) == []
    assert due(ledger, NOW + IDLE) == [well]
    assert due(ledger, morning) == [well, ill]


def test_what_is_written_for_a_store_makes_it_due_and_no_other(ledger: Engine) -> None:
    by_run, by_event, by_token, left = (add_store(ledger, ecwid_id=number) for number in (1, 2, 3, 4))
    for store in (by_run, by_event, by_token, left):
        look(ledger, store)
    row = {
        "slot_at": NOW,
        "created_at": NOW,
        "campaign": "welcome",
        "slot_key": "one",
        "state": RunState.PLANNING,
    }
    happened = {"event_id": "e1", "kind": "order.created", "entity": "1", "data": {}, "happened_at": NOW}
    with writing(ledger) as connection:
        connection.execute(sa.insert(runs).values(store_id=by_run, changed_at=SOON, started_by="ana", **row))
        connection.execute(sa.insert(events).values(store_id=by_event, received_at=SOON, **happened))
        wake(connection, by_token)
    assert sorted(due(ledger, SOON)) == [by_run, by_event, by_token]


def test_a_store_is_due_again_when_its_runs_next_try_is(ledger: Engine) -> None:
    store = add_store(ledger)
    again = NOW + timedelta(seconds=20)
    row = {"slot_at": NOW, "created_at": NOW, "campaign": "welcome", "slot_key": "one", "started_by": "ana"}
    with writing(ledger) as connection:
        values = {"store_id": store, "state": RunState.MINTING, "changed_at": NOW, "not_before": again, **row}
        connection.execute(sa.insert(runs).values(values))
    look(ledger, store)
    assert due(ledger, again - timedelta(seconds=1)) == []
    assert due(ledger, again) == [store]


def test_a_store_in_trouble_is_marked_as_slow(ledger: Engine) -> None:
    well, ill = (add_store(ledger, ecwid_id=number) for number in (1, 2))
    look(ledger, well)
    look(ledger, ill, trouble=True)
    with reading(ledger) as connection:
        assert [(store.store_id, store.slow) for store in due_stores(connection, NOW + IDLE)] == [
            (well, False),
            (ill, True),
        ]


def test_a_store_that_is_woken_during_its_pause_stays_marked_as_slow(worker: StoreWorker) -> None:
    engine, now = worker.services.engine, worker.services.clock.now()
    record_turn(engine, store_id=1, began=now, ended=now, next_at=None, polled_at=None, trouble=True)
    pause_store(engine, store_id=1, until=now + IDLE, reason="it hangs")
    assert advance(worker, until=now + IDLE) == now + IDLE
    with reading(engine) as connection:
        assert last_turn(connection, 1) == (None, True)


def test_a_store_that_had_trouble_needs_several_good_turns_before_it_counts_as_fast(
    worker: StoreWorker, sandbox: Sandbox
) -> None:
    engine, clock = worker.services.engine, worker.services.clock

    def slow_after_a_turn() -> bool:
        with writing(engine) as connection:
            wake(connection, 1)
            connection.execute(sa.update(stores).values(not_before=None))
        advance(worker, until=clock.now() + A_SLICE)
        with reading(engine) as connection:
            return last_turn(connection, 1)[1]

    assert not slow_after_a_turn()
    lay_faults(sandbox, resets={"share": 1.0})
    worker.following.polled_at = None  # so that it calls the store, which hangs up
    assert slow_after_a_turn()
    lay_faults(sandbox, resets=False)
    assert [slow_after_a_turn() for _ in range(6)] == [True] * 4 + [False] * 2
