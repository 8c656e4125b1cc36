"""How often an event usually happens: as the campaign's own entries show, or, for a young campaign, as the mirror shows.

At most so many events are found; what happens more often is counted over fewer days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.language.events.orders import ORDER_PLACED
from tillroll.flows.find_events import find_events
from tillroll.flows.finders.finder import EventWindow
from tillroll.ledger.engine import reading
from tillroll.ledger.records import CampaignRecord, Store
from tillroll.ledger.tables import entries, orders

LATELY = timedelta(days=28)
_OLD_ENOUGH = timedelta(days=14)  # the entries of a campaign this old show how often its event happens
_MOST = 2_000


@dataclass(frozen=True, kw_only=True)
class Usual:
    """How often an event usually happens."""

    a_day: Decimal
    basis: str  # what the number was counted from, for people


def usual_number(
    engine: Engine, *, store: Store, revision: Revision, record: CampaignRecord | None, now: datetime
) -> Usual:
    """Return how many entries a day the campaign's event usually makes. `record` is None while the loop hasn't seen it yet."""
    with reading(engine) as connection:
        if record is not None and record.first_seen_at <= now - _OLD_ENOUGH:
            since = max(record.first_seen_at, now - LATELY)
            return _count_entries(connection, store, revision.name, since, now)
        return _count_events(connection, store, revision, now)


def _count_entries(connection: Connection, store: Store, name: str, since: datetime, now: datetime) -> Usual:
    has_subject = sa.or_(entries.c.customer_id.is_not(None), entries.c.product_id.is_not(None))
    where = (entries.c.store_id == store.id, entries.c.campaign == name, entries.c.created_at >= since)
    count = int(connection.scalar(sa.select(sa.func.count()).where(*where, has_subject)) or 0)
    return Usual(a_day=_a_day(count, now - since), basis=f"as in its last {(now - since).days} days")


def _count_events(connection: Connection, store: Store, revision: Revision, now: datetime) -> Usual:
    event = revision.campaign.when.on
    assert event is not None  # noqa: S101 - only campaigns that wait for an event come here
    span = _span_of_orders(connection, store, now) if event.kind is ORDER_PLACED else LATELY
    since = now - span
    window = EventWindow(
        store_id=store.id,
        zone=revision.campaign.when.zone(store.timezone),
        first_seen=since,
        last=since,
        since=since,
        now=now,
    )
    moments = [event.happened_at for event in islice(find_events(connection, event, window), _MOST)]
    if len(moments) == _MOST:
        span = max(timedelta(hours=1), max(moments) - since)
    days = max(1, round(span / timedelta(days=1)))
    return Usual(
        a_day=_a_day(len(moments), span),
        basis=f"as the store's last {'day' if days == 1 else f'{days} days'}",
    )


def _span_of_orders(connection: Connection, store: Store, now: datetime) -> timedelta:
    """Return how far back to look at orders: less far where there are many, since each costs a query."""
    where = (orders.c.store_id == store.id, orders.c.created_at >= now - LATELY)
    count = int(connection.scalar(sa.select(sa.func.count()).where(*where)) or 0)
    return LATELY if count <= _MOST else LATELY * _MOST / count


def _a_day(count: int, span: timedelta) -> Decimal:
    days = Decimal(span.total_seconds()) / 86_400
    return (count / days).quantize(Decimal("0.001"))


def say_often(a_day: Decimal) -> str:
    """Return `about 3.5 a day`, `about 2 a week` or `about 1 in 4 weeks`."""
    if not a_day:
        return "never"
    spans = ((1, "a day"), (7, "a week"), (28, "in 4 weeks"))
    days, what = next((span for span in spans if a_day * span[0] >= 1), spans[-1])
    count = a_day * days
    shown = count.quantize(Decimal(1) if count >= 10 else Decimal("0.1")).normalize()
    return f"about {shown:f} {what}" if shown else f"less than once {what}"
