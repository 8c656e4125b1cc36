"""The fence outside the loop: commands, and queued shares of e-mails."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from tests.store import turn
from tillroll.errors import StaleLedger, TillrollError
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.locks.store_lock import store_lock as lock
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import fences, stores
from tillroll.loop.advance import StoreWorker
from tillroll.loop.store_workers import StoreWorkers
from tillroll.recovery.fence import FenceTaken, guard, load_fence
from tillroll.recovery.ownership_check import check_ownership, check_ownership_offline
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import DISCONNECTED, FENCED


def go_through(worker: StoreWorker, mark: str, *, raising: bool = False) -> None:
    services = worker.services
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    check_ownership(worker.session, store=store, mark=mark, raising=raising)


def age(worker: StoreWorker) -> None:
    """Make the ledger older than the store's record, as a backup is."""
    engine = worker.services.engine
    go_through(worker, "m1", raising=True)
    with reading(engine) as connection:
        before = dict(connection.execute(sa.select(fences)).one()._mapping)
    go_through(worker, "m2", raising=True)
    with writing(engine) as connection:
        connection.execute(sa.update(fences).values(before))


def test_the_same_ledger_passes_and_handing_out_raises_the_fence(worker: StoreWorker) -> None:
    go_through(worker, "m1")
    for mark in ("m2", "m3"):
        go_through(worker, mark, raising=True)
    with reading(worker.services.engine) as connection:
        standing = load_fence(connection, 1).state
    assert (standing.epoch, standing.mark) == (2, "m3")


@pytest.mark.parametrize("storage_bodies", ["kept", "unwrapped"])
def test_an_older_ledger_neither_passes_nor_sends_queued_shares(
    sandbox: Sandbox, worker: StoreWorker, storage_bodies: str
) -> None:
    turn(sandbox, storage_bodies=storage_bodies)
    age(worker)
    with pytest.raises(StaleLedger, match="older than its store"):
        go_through(worker, "m3")
    with closing(StoreWorkers(worker.services)) as workers, pytest.raises(StaleLedger):
        workers.may_send(1)


@pytest.mark.parametrize("state", [FENCED, DISCONNECTED])
def test_nothing_is_sent_for_a_stopped_store(worker: StoreWorker, state: str) -> None:
    with closing(StoreWorkers(worker.services)) as workers:
        assert workers.may_send(1)
        with writing(worker.services.engine) as connection:
            connection.execute(sa.update(stores).values(state=state, reason="a reason"))
        assert not workers.may_send(1)
    if state == FENCED:
        with pytest.raises(StaleLedger, match="a reason"):
            go_through(worker, "m1")


def test_a_copy_is_detected_without_the_store(worker: StoreWorker) -> None:
    go_through(worker, "m1", raising=True)
    check_ownership_offline(worker.services.engine, store_id=1)
    with writing(worker.services.engine) as connection:
        connection.execute(sa.update(fences).values(home="another database"))
    with pytest.raises(StaleLedger, match="copy"):
        check_ownership_offline(worker.services.engine, store_id=1)


def test_one_process_at_a_time_holds_the_fence(worker: StoreWorker) -> None:
    engine, now = worker.services.engine, worker.services.clock.now()
    with lock(engine, 1, name="fence"), pytest.raises(FenceTaken) as taken:
        guard(worker.session, checked=False, mark="m1")
    assert isinstance(taken.value, TillrollError)
    assert taken.value.retry_at > now
