"""Find customers who came into a segment or left it, as `flows/segment_watch.py` noted."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.segments import (
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
    SegmentEntered,
    SegmentLeft,
)
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, stream
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import segment_changes


def _entered(connection: Connection, window: EventWindow, conditions: SegmentEntered) -> Iterator[StoreEvent]:
    yield from _changes(connection, window, conditions.segment, entered=True)


def _left(connection: Connection, window: EventWindow, conditions: SegmentLeft) -> Iterator[StoreEvent]:
    yield from _changes(connection, window, conditions.segment, entered=False)


def _changes(
    connection: Connection, window: EventWindow, segment: str, *, entered: bool
) -> Iterator[StoreEvent]:
    table = segment_changes.c
    query = sa.select(table.customer_id, table.at).where(
        table.store_id == window.store_id,
        table.segment == segment,
        table.entered.is_(sa.true() if entered else sa.false()),
        table.at >= max(window.first_seen, window.since),
    )
    what = "entered" if entered else "left"
    for row in stream(connection, query.order_by(table.at, table.id)):
        yield StoreEvent(
            key=customer_key(row.customer_id, event=f"{segment} {what} {row.at:%Y-%m-%d %H:%M}"),
            customer_id=row.customer_id,
            happened_at=row.at,
        )


FINDERS = (
    EventFinder(kind=SEGMENT_ENTERED, find=_entered),
    EventFinder(kind=SEGMENT_LEFT, find=_left),
)
