"""Days that come round: the anniversary of a first order, and birthdays. Days are those of the campaign's zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.timing.birthdays import years_ago
from tillroll.ledger.tables import customer_fields, customers
from tillroll.plan.events.happening import Happening, Look, read


def anniversaries(connection: Connection, look: Look) -> Iterator[Happening]:
    """The first order's day of the year, in the campaign's zone; of February 29 in other years on the 28th."""
    assert look.event.first_order_anniversary is not None  # noqa: S101
    before = look.event.first_order_anniversary.before or timedelta(0)
    for day in _days(look, before):
        starts = [
            sa.and_(
                customers.c.first_order_at >= _start(first, look.zone),
                customers.c.first_order_at < _start(first + timedelta(days=1), look.zone),
            )
            for first in years_ago(day)
        ]
        query = sa.select(customers.c.customer_id, customers.c.first_order_at)
        where = (customers.c.store_id == look.store_id, *_news_only(look, day, before), sa.or_(*starts))
        for row in read(connection, query.where(*where).order_by(customers.c.customer_id)):
            yield Happening(
                key=f"anniversary {day.year} customer {row.customer_id}",
                customer_id=row.customer_id,
                happened_at=_start(day, look.zone) - before,
                facts={"day": row.first_order_at.astimezone(look.zone).date().isoformat()},
            )


def birthdays(connection: Connection, look: Look) -> Iterator[Happening]:
    """By the dates that the store keeps in a field of its own, written as 1990-05-17 (a time after it is left aside)."""
    assert look.event.birthday is not None  # noqa: S101
    before = look.event.birthday.before or timedelta(0)
    for day in _days(look, before):
        days = {f"{one:%m-%d}" for one in years_ago(day)}
        query = sa.select(customer_fields.c.customer_id, customer_fields.c.value).join(
            customers, _same_customer()
        )
        query = query.where(
            customer_fields.c.store_id == look.store_id,
            *_news_only(look, day, before),
            customer_fields.c.title == look.event.birthday.field,
            sa.func.substr(customer_fields.c.value, 6, 5).in_(sorted(days)),
        )
        for row in read(connection, query.order_by(customer_fields.c.customer_id)):
            if _is_date(row.value[:10]):
                yield Happening(
                    key=f"birthday {day.year} customer {row.customer_id}",
                    customer_id=row.customer_id,
                    happened_at=_start(day, look.zone) - before,
                    facts={"day": row.value[:10]},
                )


def _days(look: Look, before: timedelta) -> Iterator[date]:
    """The days whose moment (so long before their start) has come since the last look, and today."""
    start = max(look.first_seen, look.since) + before
    day = start.astimezone(look.zone).date()
    while _start(day, look.zone) - before <= look.now:
        if _start(day, look.zone) - before >= look.first_seen:
            yield day
        day += timedelta(days=1)


def _news_only(look: Look, day: date, before: timedelta) -> tuple[sa.ColumnElement[bool], ...]:
    """A day is looked through when its moment comes and once an hour; in between, who the mirror has seen anew."""
    whole = look.in_a_new_hour or _start(day, look.zone) - before >= look.since
    return () if whole else (customers.c.seen_at >= look.since,)


def _same_customer() -> sa.ColumnElement[bool]:
    return sa.and_(
        customers.c.store_id == customer_fields.c.store_id,
        customers.c.customer_id == customer_fields.c.customer_id,
    )


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
