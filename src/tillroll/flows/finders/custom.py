"""Find the events that other software sent."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.custom import CUSTOM, Custom
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, stream
from tillroll.flows.finders.keys import custom_key
from tillroll.ledger.tables import events


def _custom(connection: Connection, window: EventWindow, conditions: Custom) -> Iterator[StoreEvent]:
    query = (
        sa.select(events)
        .where(
            events.c.store_id == window.store_id,
            events.c.kind == f"custom.{conditions.event}",
            events.c.received_at >= window.since,
            events.c.happened_at >= window.first_seen,
        )
        .order_by(events.c.id)
    )
    for row in stream(connection, query):
        customer_id = str(row.data.get("customer_id") or "")
        yield StoreEvent(
            key=custom_key(row.entity),
            customer_id=int(customer_id) if customer_id.isdigit() else None,
            email=str(row.data.get("email") or ""),
            happened_at=row.happened_at,
            facts={"event": row.data.get("data") or {}},
        )


FINDERS = (EventFinder(kind=CUSTOM, find=_custom),)
