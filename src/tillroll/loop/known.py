"""What must be known of the customers before a stage acts: all of them for a plan, who withdrew consent for an e-mail.

A long list is read a slice at a time (`track/readings.py`). Meanwhile what needs all customers waits and says so; what is
about one customer goes on, with this one read by themselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tillroll.ledger.engine import reading, writing
from tillroll.ledger.pools import POOL
from tillroll.ledger.runs import put_off
from tillroll.ledger.tables import customers, entries
from tillroll.loop.lane import Lane, slice_of
from tillroll.track.connect import load_store
from tillroll.track.follow import sync_customers
from tillroll.track.mirror import CUSTOMERS
from tillroll.track.readings import Kind, under_way
from tillroll.track.sync import sync_one

FRESH = timedelta(minutes=5)  # the mirror of customers is read again before a plan if it is older


def customers_are_known(lane_: Lane, until: datetime) -> bool:
    """Whether a plan may be made of the mirror's customers: read to the end, and lately. If not, they are read on."""
    engine, clock = lane_.services.engine, lane_.services.clock
    with reading(engine) as connection:
        store = load_store(connection, lane_.store_id)
        if under_way(connection, lane_.store_id, CUSTOMERS):
            return False  # every look goes on with it
    if _is_fresh(store, clock.now()):
        return True
    over = slice_of(lane_, until)
    return sync_customers(engine, lane_.client, store=store, now=clock.now(), over=over).over


def consent_is_known(lane_: Lane, until: datetime) -> bool:
    """Whether the mirror tells who has withdrawn consent. If not, it is read on."""
    engine, clock = lane_.services.engine, lane_.services.clock
    with reading(engine) as connection:
        store = load_store(connection, lane_.store_id)
        begun = under_way(connection, lane_.store_id, CUSTOMERS)
    if _is_fresh(store, clock.now()):
        return True
    if any(one.kind is Kind.NEWS for one in begun):
        return False
    over = slice_of(lane_, until)
    return sync_customers(engine, lane_.client, store=store, now=clock.now(), over=over).fresh


def _is_fresh(store: sa.Row[Any], now: datetime) -> bool:
    at: datetime | None = store.customers_at
    return at is not None and at > now - FRESH


def needs_few(lane_: Lane, run: sa.Row[Any]) -> bool:
    """Whether a run needs no more of the customers than is known: codes for nobody yet, or one customer, who is read by
    themselves. So a welcome code waits for no long list."""
    if run.kind == POOL or run.entry_id is None:
        return bool(run.kind == POOL)
    engine, now = lane_.services.engine, lane_.services.clock.now()
    whose = sa.select(entries.c.customer_id).where(entries.c.id == run.entry_id)
    with reading(engine) as connection:
        customer_id: int | None = connection.scalar(whose)
        row = (customers.c.store_id == lane_.store_id, customers.c.customer_id == customer_id)
        seen_at: datetime | None = connection.scalar(sa.select(customers.c.seen_at).where(*row))
    if customer_id is None:
        return False  # its audience is others than who it happened to
    if seen_at is None or seen_at <= now - FRESH:
        sync_one(engine, lane_.client, CUSTOMERS, store_id=lane_.store_id, id_=str(customer_id), now=now)
    return True


def say_it_waits(lane_: Lane, run: sa.Row[Any]) -> None:
    """Write down why a run isn't planned yet, and how far that is."""
    with writing(lane_.services.engine) as connection:
        begun = under_way(connection, lane_.store_id, CUSTOMERS)
        far = f": {begun[0].place.read:,} of {begun[0].place.total:,}" if begun else ""
        reason = f"the store's customers are being read{far}"
        put_off(connection, run.id, until=lane_.services.clock.now(), reason=reason)
