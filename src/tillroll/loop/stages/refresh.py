"""Bringing the mirror of customers up to date before a stage relies on it.

A plan needs all customers; an e-mail needs to know who has withdrawn consent. A long list is read a slice at a time
(`track/mirror/readings.py`): meanwhile whatever needs all customers waits and says so, and a run for one customer continues
after that one customer was read.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.queries.runs import defer_run
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Run, Store
from tillroll.ledger.tables import customers, entries
from tillroll.loop.stages.store_worker import StoreWorker, mirror_session
from tillroll.track.mirror.areas import CUSTOMERS
from tillroll.track.mirror.follow import sync_customers
from tillroll.track.mirror.readings import ReadingKind, under_way
from tillroll.track.mirror.sync import sync_one

FRESH = timedelta(minutes=5)
"""A mirror of customers that is older than this is read again before it is relied on."""


def refresh_customers(worker: StoreWorker, until: datetime) -> bool:
    """Read customers for a slice, unless the mirror is fresh. Return whether a plan may rely on it: it is complete and fresh."""
    engine, clock = worker.services.engine, worker.services.clock
    with reading(engine) as connection:
        store = load_store(connection, worker.store_id)
        if under_way(connection, worker.store_id, CUSTOMERS):
            return False  # every turn continues the reading (`track/mirror/follow.py`)
    if _is_fresh(store, clock.now()):
        return True
    return sync_customers(mirror_session(worker, until)).complete


def refresh_consent(worker: StoreWorker, until: datetime) -> bool:
    """Read changes to customers for a slice, unless the mirror is fresh. Return whether it shows who has withdrawn consent."""
    engine, clock = worker.services.engine, worker.services.clock
    with reading(engine) as connection:
        store = load_store(connection, worker.store_id)
        begun = under_way(connection, worker.store_id, CUSTOMERS)
    if _is_fresh(store, clock.now()):
        return True
    if any(current.kind is ReadingKind.NEWS for current in begun):
        return False
    return sync_customers(mirror_session(worker, until)).fresh


def _is_fresh(store: Store, now: datetime) -> bool:
    return store.customers_at is not None and store.customers_at > now - FRESH


def refresh_one_customer(worker: StoreWorker, run: Run) -> bool:
    """Read the only customer of a run if the mirror is stale. Return whether the run needs no other customer.

    True for a pool, which makes codes for nobody yet, and for a run that one customer's event started. So a welcome code need
    not wait for a long list.
    """
    if run.kind == POOL:
        return True
    if run.entry_id is None:
        return False
    engine, now = worker.services.engine, worker.services.clock.now()
    entered = sa.select(entries.c.customer_id).where(entries.c.id == run.entry_id)
    with reading(engine) as connection:
        customer_id: int | None = connection.scalar(entered)
        mirrored = (customers.c.store_id == worker.store_id, customers.c.customer_id == customer_id)
        seen_at: datetime | None = connection.scalar(sa.select(customers.c.seen_at).where(*mirrored))
    if customer_id is None:
        return False  # a product entered: its audience is chosen from all customers
    if seen_at is None or seen_at <= now - FRESH:
        sync_one(mirror_session(worker, now), CUSTOMERS, str(customer_id))
    return True


def put_off_until_read(worker: StoreWorker, run: Run) -> None:
    """Write to a run that its plan waits for the customers, and how many of them are read."""
    with writing(worker.services.engine) as connection:
        begun = under_way(connection, worker.store_id, CUSTOMERS)
        progress = f": {begun[0].place.read:,} of {begun[0].place.total:,}" if begun else ""
        reason = f"the store's customers are being read{progress}"
        defer_run(connection, run.id, until=worker.services.clock.now(), reason=reason)
