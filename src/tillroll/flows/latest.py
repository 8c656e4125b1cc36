"""Real examples of a campaign's event: the latest ones, or, of days that come each year, the next ones.

Each look covers a longer period, until examples are found, and reads a limited number of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.figures.batched import batched
from tillroll.campaign.language.events.event import Event
from tillroll.campaign.language.events.kind import Facts
from tillroll.flows.enroll import customers_of
from tillroll.flows.find_events import FINDERS, find_events
from tillroll.flows.finders.finder import PIECE, EventWindow, StoreEvent
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.ledger.tables import orders

_SPANS_BACK = (
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=28),
    timedelta(days=365),
)
_SPANS_AHEAD = (timedelta(days=8), timedelta(days=64), timedelta(days=366))
_MOST = 2_000  # events of one look
_KEPT = 10  # examples of one look


@dataclass(frozen=True, kw_only=True)
class Example:
    """An event by which a campaign is previewed."""

    facts: Facts
    customer_id: int | None = None  # None: it happened to a product, or to nobody real
    happened_at: datetime | None = None  # None: it is made up

    @property
    def made_up(self) -> bool:
        """Whether the event never happened, and its facts are only like real ones."""
        return self.happened_at is None


def real_examples(
    engine: Engine, *, store: Store, revision: Revision, now: datetime, only: int | None = None
) -> Iterator[Example]:
    """Yield events of the store's customers, the latest first; of yearly days, the next first.

    `only` limits them to one customer. Each look yields up to `_KEPT` examples; there are none if nothing happened within a year.
    """
    event = _event(revision)
    is_ahead = event.kind.is_yearly
    yielded: list[Example] = []
    for span in _SPANS_AHEAD if is_ahead else _spans_back(engine, store.id, event, now):
        start, end = (now, now + span) if is_ahead else (now - span, now)
        window = EventWindow(
            store_id=store.id,
            zone=revision.campaign.when.zone(store.timezone),
            first_seen=start,
            last=start,
            since=start,
            now=end,
        )
        with reading(engine) as connection:
            examples = list(_examples(connection, event, window, only))
        few = examples[:_KEPT] if is_ahead else examples[: -_KEPT - 1 : -1]
        yield from (example for example in few if example not in yielded)
        yielded += few


def _spans_back(engine: Engine, store_id: int, event: Event, now: datetime) -> Iterator[timedelta]:
    """Yield how far back each look goes. Events that read orders go back only to the latest so many orders."""
    farthest = _SPANS_BACK[-1]
    if FINDERS[event.name].reads_orders:
        latest = sa.select(orders.c.created_at).where(
            orders.c.store_id == store_id, orders.c.created_at <= now
        )
        with reading(engine) as connection:
            oldest = connection.scalar(latest.order_by(orders.c.created_at.desc()).offset(_MOST).limit(1))
        farthest = farthest if oldest is None else min(farthest, now - oldest)
    yield from (span for span in _SPANS_BACK if span < farthest)
    yield farthest


def _event(revision: Revision) -> Event:
    event = revision.campaign.when.on
    assert event is not None  # noqa: S101 - only campaigns that wait for an event come here
    return event


def _examples(
    connection: Connection, event: Event, window: EventWindow, only: int | None
) -> Iterator[Example]:
    """Yield the events of a window that are about a product, or about a customer whom the mirror has."""
    for events in batched(islice(find_events(connection, event, window), _MOST), PIECE):
        customer_ids = customers_of(connection, window.store_id, events)
        for store_event in events:
            customer_id = customer_ids.get(store_event.key)
            if store_event.product_id is not None or (
                customer_id is not None and only in {None, customer_id}
            ):
                yield _as_example(store_event, customer_id)


def _as_example(event: StoreEvent, customer_id: int | None) -> Example:
    return Example(facts=dict(event.facts), customer_id=customer_id, happened_at=event.happened_at)
