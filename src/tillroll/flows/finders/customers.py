"""Find customers who registered, and those who have not ordered for a while."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.customers import CUSTOMER_CREATED, INACTIVE, CustomerCreated, Inactive
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, new_rows, stream
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import customers


def _customers_created(
    connection: Connection, window: EventWindow, _: CustomerCreated
) -> Iterator[StoreEvent]:
    query = (
        sa.select(customers.c.customer_id, customers.c.registered_at)
        .where(*new_rows(customers, customers.c.registered_at, window))
        .order_by(customers.c.registered_at)
    )
    for row in stream(connection, query):
        yield StoreEvent(
            key=customer_key(row.customer_id), customer_id=row.customer_id, happened_at=row.registered_at
        )


def _inactive(connection: Connection, window: EventWindow, conditions: Inactive) -> Iterator[StoreEvent]:
    length = conditions.for_
    start = max(window.first_seen, window.since) - length
    query = (
        sa.select(customers.c.customer_id, customers.c.last_order_at)
        .where(
            customers.c.store_id == window.store_id,
            customers.c.last_order_at >= start,
            customers.c.last_order_at <= window.now - length,
        )
        .order_by(customers.c.last_order_at)
    )
    for row in stream(connection, query):
        since = row.last_order_at.astimezone(window.zone).date()
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"inactive since {since}"),
            customer_id=row.customer_id,
            happened_at=row.last_order_at + length,
            facts={"since": since.isoformat()},
        )


FINDERS = (
    EventFinder(kind=CUSTOMER_CREATED, find=_customers_created),
    EventFinder(kind=INACTIVE, find=_inactive),
)
