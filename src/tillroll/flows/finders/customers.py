"""Find customers who registered, who have not ordered for a while, or who entered a group."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.customers import (
    CUSTOMER_CREATED,
    GROUP_ENTERED,
    INACTIVE,
    CustomerCreated,
    GroupEntered,
    Inactive,
)
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, new_rows, stream
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import customers, group_changes


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


def _group_entered(
    connection: Connection, window: EventWindow, conditions: GroupEntered
) -> Iterator[StoreEvent]:
    """Yield customers who were put into the group and are still in it, and new customers in it."""
    changed = (
        sa.select(group_changes.c.customer_id, group_changes.c.at)
        .join(
            customers,
            sa.and_(
                customers.c.store_id == group_changes.c.store_id,
                customers.c.customer_id == group_changes.c.customer_id,
                customers.c.group_name == group_changes.c.group_name,
            ),
        )
        .where(
            group_changes.c.store_id == window.store_id,
            group_changes.c.group_name == conditions.group,
            group_changes.c.at >= max(window.first_seen, window.since),
        )
        .order_by(group_changes.c.at)
    )
    for row in stream(connection, changed):
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"group on {row.at:%Y-%m-%d %H:%M}"),
            customer_id=row.customer_id,
            happened_at=row.at,
        )
    new = (
        sa.select(customers.c.customer_id, customers.c.registered_at)
        .where(
            *new_rows(customers, customers.c.registered_at, window),
            customers.c.group_name == conditions.group,
            ~sa.exists().where(
                group_changes.c.store_id == customers.c.store_id,
                group_changes.c.customer_id == customers.c.customer_id,
                group_changes.c.at >= window.first_seen,
            ),
        )
        .order_by(customers.c.registered_at)
    )
    for row in stream(connection, new):
        yield StoreEvent(
            key=customer_key(row.customer_id, event="new in group"),
            customer_id=row.customer_id,
            happened_at=row.registered_at,
        )


FINDERS = (
    EventFinder(kind=CUSTOMER_CREATED, find=_customers_created),
    EventFinder(kind=INACTIVE, find=_inactive),
    EventFinder(kind=GROUP_ENTERED, find=_group_entered),
)
