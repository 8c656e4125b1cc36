"""How often an event usually happens: as often as it brought somebody in lately, or, for a young campaign, as the mirror shows.

A look finds so many at most; what happens more often is counted over fewer days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import entries, orders
from tillroll.plan.events.happening import Look
from tillroll.plan.events.happenings import happenings

LATELY = timedelta(days=28)
_KNOWN_AFTER = timedelta(days=14)  # a campaign this old tells from itself
_MOST = 2_000


@dataclass(frozen=True, kw_only=True)
class Usual:
    """How often something happens."""

    a_day: Decimal
    basis: str  # where that is known from


def usual_number(
    engine: Engine, *, store: sa.Row[Any], revision: Revision, row: sa.Row[Any] | None, now: datetime
) -> Usual:
    """How often a day the campaign's event brings somebody in. `row` is the campaign's; None: the loop hasn't seen it yet."""
    with reading(engine) as connection:
        if row is not None and row.first_seen_at <= now - _KNOWN_AFTER:
            return _entered(connection, store, revision.name, max(row.first_seen_at, now - LATELY), now)
        return _found(connection, store, revision, now)


def _entered(connection: Connection, store: sa.Row[Any], name: str, since: datetime, now: datetime) -> Usual:
    somebody = sa.or_(entries.c.customer_id.is_not(None), entries.c.product_id.is_not(None))
    where = (entries.c.store_id == store.id, entries.c.campaign == name, entries.c.created_at >= since)
    count = int(connection.scalar(sa.select(sa.func.count()).where(*where, somebody)) or 0)
    return Usual(a_day=_a_day(count, now - since), basis=f"as in its last {(now - since).days} days")


def _found(connection: Connection, store: sa.Row[Any], revision: Revision, now: datetime) -> Usual:
    event = revision.campaign.when.on
    assert event is not None  # noqa: S101 - only such campaigns are looked at
    span = _span(connection, store, now) if event.order_placed is not None else LATELY
    since = now - span
    look = Look(
        store_id=store.id,
        event=event,
        zone=revision.campaign.when.zone(store.timezone),
        first_seen=since,
        last=since,
        since=since,
        now=now,
    )
    found = [one.happened_at for one in islice(happenings(connection, look), _MOST)]
    if len(found) == _MOST:
        span = max(timedelta(hours=1), max(found) - since)
    days = max(1, round(span / timedelta(days=1)))
    return Usual(
        a_day=_a_day(len(found), span),
        basis=f"as the store's last {'day' if days == 1 else f'{days} days'}",
    )


def _span(connection: Connection, store: sa.Row[Any], now: datetime) -> timedelta:
    """Fewer days where there are many orders: each of them is looked at."""
    where = (orders.c.store_id == store.id, orders.c.created_at >= now - LATELY)
    count = int(connection.scalar(sa.select(sa.func.count()).where(*where)) or 0)
    return LATELY if count <= _MOST else LATELY * _MOST / count


def _a_day(count: int, span: timedelta) -> Decimal:
    days = Decimal(span.total_seconds()) / 86_400
    return (count / days).quantize(Decimal("0.001"))


def say_often(a_day: Decimal) -> str:
    """`about 3.5 a day`, `about 2 a week`, `about 1 in 4 weeks`."""
    if not a_day:
        return "never"
    spans = ((1, "a day"), (7, "a week"), (28, "in 4 weeks"))
    days, what = next((one for one in spans if a_day * one[0] >= 1), spans[-1])
    count = a_day * days
    shown = count.quantize(Decimal(1) if count >= 10 else Decimal("0.1")).normalize()
    return f"about {shown:f} {what}" if shown else f"less than once {what}"
