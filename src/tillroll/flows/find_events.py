"""Find what happened in the store, in the ledger's mirror of it.

Each event has a key, so finding it twice does no harm. Rows are looked up by when the mirror saw them, from a little before the
last look on, since the store's lists lag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.event import Event
from tillroll.flows.finders import (
    custom,
    customers,
    days,
    opinions,
    orders,
    products,
    rhythm,
    segments,
    tiers,
)
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent


def registered_finders() -> tuple[EventFinder[Any], ...]:
    """Return the finders of all families."""
    return (
        *customers.FINDERS,
        *orders.FINDERS,
        *days.FINDERS,
        *rhythm.FINDERS,
        *segments.FINDERS,
        *tiers.FINDERS,
        *opinions.FINDERS,
        *products.FINDERS,
        *custom.FINDERS,
    )


FINDERS: Mapping[str, EventFinder[Any]] = {finder.kind.name: finder for finder in registered_finders()}
"""The finder of every event kind, by the kind's name; a house test checks that none is missing."""


def find_events(connection: Connection, event: Event, window: EventWindow) -> Iterator[StoreEvent]:
    """Yield what happened since the last look, oldest first; recent events may be found again.

    The rows are read while they are consumed, so consume them before the connection is closed.
    """
    yield from FINDERS[event.name].find(connection, window, event.conditions)
