"""A fault of one run, stage or message is that one's: the others go on, it is written down, and after three it is set aside."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.path import agree, finish, go_on, holds, start, state
from tests.shop import NOW, add_store
from tillroll.campaign.states import FaultState, ItemKind, RunState, Stage
from tillroll.errors import NeedsPerson, OutcomeUnknown, Refused, TryLater
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, list_faults, resting_items
from tillroll.ledger.records import ItemFault
from tillroll.ledger.tables import audit, faults, plans
from tillroll.loop.advance import StoreWorker
from tillroll.wiring import Services


def item(store_id: int, name: str = "7", kind: ItemKind = ItemKind.ENTRY) -> FaultyItem:
    return FaultyItem(store_id=store_id, kind=kind, name=name)


def meets(engine: Engine, fault: BaseException, *, store_id: int, kind: ItemKind = ItemKind.ENTRY) -> None:
    with contained(engine, item(store_id, kind=kind), stage=Stage.STEPS, now=NOW):
        raise fault


def known(engine: Engine, store_id: int = 1) -> list[ItemFault]:
    with reading(engine) as connection:
        return list_faults(connection, store_id, now=NOW)


class Custom(BaseException):
    """Ends a process, like Ctrl-C."""


@pytest.mark.parametrize(
    "fault", [ValueError("x"), KeyError("x"), RecursionError(), RuntimeError(), Refused("no"), MemoryError()]
)
def test_any_fault_of_an_item_is_written_to_it(ledger: Engine, fault: Exception) -> None:
    store_id = add_store(ledger)
    meets(ledger, fault, store_id=store_id)
    (seen,) = known(ledger, store_id)
    assert (seen.error, seen.count, seen.state) == (type(fault).__name__, 1, FaultState.OPEN)
    assert (seen.kind, seen.item, seen.stage) == (ItemKind.ENTRY, "7", Stage.STEPS)


@pytest.mark.parametrize(
    "fault",
    [
        NeedsPerson("the token"),
        TryLater("busy", retry_at=NOW),
        OutcomeUnknown("lost"),
        KeyboardInterrupt(),
        SystemExit(),
        Custom(),
        sa.exc.TimeoutError(),
    ],
)
def test_what_concerns_everybody_passes(ledger: Engine, fault: BaseException) -> None:
    store_id = add_store(ledger)
    with pytest.raises(type(fault)):
        meets(ledger, fault, store_id=store_id)
    assert known(ledger, store_id) == []


def test_a_locked_database_is_nobodys_fault(ledger: Engine) -> None:
    store_id = add_store(ledger)
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
    with pytest.raises(sqlite3.OperationalError):
        meets(ledger, locked, store_id=store_id)
    assert known(ledger, store_id) == []


def test_the_third_fault_sets_an_item_aside_but_never_a_store(ledger: Engine) -> None:
    store_id = add_store(ledger)
    for kind in (ItemKind.ENTRY, ItemKind.STORE):
        for _ in range(3):
            meets(ledger, ValueError("x"), store_id=store_id, kind=kind)
    states = {fault.kind: (fault.state, fault.count) for fault in known(ledger, store_id)}
    assert states == {ItemKind.ENTRY: (FaultState.SET_ASIDE, 3), ItemKind.STORE: (FaultState.OPEN, 3)}
    with reading(ledger) as connection:
        assert resting_items(connection, store_id, ItemKind.ENTRY, now=NOW) == {"7"}
        assert connection.scalar(sa.select(sa.func.count()).where(audit.c.action == "fault.set_aside")) == 1


def try_again_now(services: Services) -> None:
    """End the pauses after faults, as if their time had come."""
    with writing(services.engine) as connection:
        connection.execute(sa.update(faults).values(not_before=None))


def test_a_run_whose_plan_is_broken_costs_no_other_run(worker: StoreWorker, services: Services) -> None:
    broken, whole = start(worker), start(worker)
    agree(services, broken)
    agree(services, whole)
    with writing(services.engine) as connection:
        connection.execute(sa.update(plans).where(plans.c.run_id == broken).values(body={"odd": True}))
    progress = finish(worker, whole)
    assert state(services, broken) is RunState.APPROVED

    def is_set_aside() -> bool:
        try_again_now(services)
        return {fault.state for fault in told} == {FaultState.SET_ASIDE} if (told := now_known()) else False

    def now_known() -> list[ItemFault]:
        with reading(services.engine) as connection:
            return list_faults(connection, 1, now=services.clock.now(), run_id=broken)

    go_on(worker, until=is_set_aside)
    (fault,) = now_known()
    assert (fault.stage, fault.count) == (Stage.BEGIN, 3)
    assert fault.place.startswith("campaign/frozen/")
    assert state(services, broken) is RunState.APPROVED
    holds(worker, progress)
