"""What a campaign waits for, as it happened last; of days that come round, as it comes next.

A look is made further and further until something is found; it reads so many happenings at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.language.trigger import Event
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import orders
from tillroll.plan.events.happening import PIECE, Happening, Look
from tillroll.plan.events.happenings import happenings
from tillroll.plan.events.notice import customers_of

_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=28), timedelta(days=365))
_AHEAD = (timedelta(days=8), timedelta(days=64), timedelta(days=366))
_COMES_ROUND = frozenset({"birthday", "first_order_anniversary"})
_MOST = 2_000  # happenings of one look
_KEPT = 10


@dataclass(frozen=True, kw_only=True)
class Example:
    """One thing that a campaign is looked at by."""

    facts: Mapping[str, Any]
    customer_id: int | None = None  # None: it happened to a product, or to nobody
    happened_at: datetime | None = None  # None: it is made up

    @property
    def made_up(self) -> bool:
        """Whether nothing of the kind is known, so that its facts are only like real ones."""
        return self.happened_at is None


def real_examples(
    engine: Engine, *, store: sa.Row[Any], revision: Revision, now: datetime, only: int | None = None
) -> Iterator[Example]:
    """What happened to customers that the store knows, the latest first; of days that come round, the next first.

    `only`: to that customer. A few of each look at most; none where nothing like it is known within a year.
    """
    event = _event(revision)
    ahead = event.name in _COMES_ROUND
    known: list[Example] = []
    for span in _AHEAD if ahead else _spans_back(engine, store.id, event, now):
        start, end = (now, now + span) if ahead else (now - span, now)
        look = Look(
            store_id=store.id,
            event=event,
            zone=revision.campaign.when.zone(store.timezone),
            first_seen=start,
            last=start,
            since=start,
            now=end,
        )
        with reading(engine) as connection:
            found = list(_known(connection, look, only))
        few = found[:_KEPT] if ahead else found[: -_KEPT - 1 : -1]
        yield from (one for one in few if one not in known)
        known += few


def _spans_back(engine: Engine, store_id: int, event: Event, now: datetime) -> Iterator[timedelta]:
    """How far back each look goes; what orders tell, only as far as the latest so many: each asks for its customer's others."""
    farthest = _BACK[-1]
    if event.order_placed is not None or event.spent_reached is not None:
        latest = sa.select(orders.c.created_at).where(
            orders.c.store_id == store_id, orders.c.created_at <= now
        )
        with reading(engine) as connection:
            oldest = connection.scalar(latest.order_by(orders.c.created_at.desc()).offset(_MOST).limit(1))
        farthest = farthest if oldest is None else min(farthest, now - oldest)
    yield from (one for one in _BACK if one < farthest)
    yield farthest


def _event(revision: Revision) -> Event:
    event = revision.campaign.when.on
    assert event is not None  # noqa: S101 - only such campaigns are looked at
    return event


def _known(connection: Connection, look: Look, only: int | None) -> Iterator[Example]:
    """What a look finds, of customers that the store knows and of products."""
    found = islice(happenings(connection, look), _MOST)
    while piece := list(islice(found, PIECE)):
        whose = customers_of(connection, look.store_id, piece)
        for one in piece:
            if one.product_id is not None or (one.key in whose and only in {None, whose[one.key]}):
                yield _as_example(one, whose.get(one.key))


def _as_example(one: Happening, customer_id: int | None) -> Example:
    return Example(facts=dict(one.facts), customer_id=customer_id, happened_at=one.happened_at)
