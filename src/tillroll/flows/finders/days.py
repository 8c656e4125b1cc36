"""Find the days that come each year: the anniversary of a first order, and birthdays. Days are those of the campaign's zone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.events.days import BIRTHDAY, FIRST_ORDER_ANNIVERSARY, Anniversary, Birthday
from tillroll.campaign.text.written.days import read_day
from tillroll.campaign.timing.yearly_days import dates_celebrated_on
from tillroll.flows.finders.birthday_field import order_in_field
from tillroll.flows.finders.finder import EventFinder, EventWindow, StoreEvent, stream
from tillroll.flows.finders.keys import customer_key
from tillroll.ledger.tables import customer_fields, customers


def _anniversaries(
    connection: Connection, window: EventWindow, conditions: Anniversary
) -> Iterator[StoreEvent]:
    """Yield anniversaries of first orders; an order of February 29 counts on the 28th in other years."""
    before = conditions.before or timedelta(0)
    for day in _days(window, before):
        on_this_day = [
            sa.and_(
                customers.c.first_order_at >= _start(first_day, window.zone),
                customers.c.first_order_at < _start(first_day + timedelta(days=1), window.zone),
            )
            for first_day in dates_celebrated_on(day)
        ]
        query = sa.select(customers.c.customer_id, customers.c.first_order_at).where(
            customers.c.store_id == window.store_id, *_rows_to_read(window, day, before), sa.or_(*on_this_day)
        )
        for row in stream(connection, query.order_by(customers.c.customer_id)):
            yield StoreEvent(
                key=customer_key(row.customer_id, event=f"anniversary {day.year}"),
                customer_id=row.customer_id,
                happened_at=_start(day, window.zone) - before,
                facts={"day": row.first_order_at.astimezone(window.zone).date().isoformat()},
            )


def _birthdays(connection: Connection, window: EventWindow, conditions: Birthday) -> Iterator[StoreEvent]:
    """Yield birthdays, from a customer field that holds dates as people write them (`campaign/text/written/days.py`)."""
    before = conditions.before or timedelta(0)
    order = conditions.written or order_in_field(connection, window.store_id, conditions.field)
    for day in _days(window, before):
        month_days = {f"{birthday:%m-%d}" for birthday in dates_celebrated_on(day)}
        query = sa.select(customer_fields.c.customer_id, customer_fields.c.value).join(
            customers, _same_customer()
        )
        query = query.where(
            customer_fields.c.store_id == window.store_id,
            *_rows_to_read(window, day, before),
            customer_fields.c.title == conditions.field,
            _may_name(month_days),
        )
        for row in stream(connection, query.order_by(customer_fields.c.customer_id)):
            born = read_day(row.value, order)
            if born is not None and born.month_day in month_days:
                yield StoreEvent(
                    key=customer_key(row.customer_id, event=f"birthday {day.year}"),
                    customer_id=row.customer_id,
                    happened_at=_start(day, window.zone) - before,
                    facts={"day": f"{born.year or day.year:04d}-{born.month_day}"},
                )


def _may_name(month_days: Collection[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a field may name one of these days (`05-17`): it has the day's number, if it isn't ISO 8601."""
    value, iso = customer_fields.c.value, customer_fields.c.value.like("____-__-__%")
    numbers = {str(int(month_day[3:])) for month_day in month_days}
    return sa.or_(
        sa.and_(iso, sa.func.substr(value, 6, 5).in_(sorted(month_days))),
        sa.and_(~iso, sa.or_(*(value.contains(number) for number in sorted(numbers)))),
    )


def _days(window: EventWindow, before: timedelta) -> Iterator[date]:
    """Yield the days whose moment, `before` their start, has come: the latest as of the last look, and all since then."""
    start = max(window.first_seen, window.since) + before
    day = start.astimezone(window.zone).date()
    while _start(day, window.zone) - before <= window.now:
        if _start(day, window.zone) - before >= window.first_seen:
            yield day
        day += timedelta(days=1)


def _rows_to_read(window: EventWindow, day: date, before: timedelta) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for customers to read for a day.

    All are read when the day's moment comes and once an hour; in between, those whom the mirror has seen since the last look.
    """
    read_all = window.in_a_new_hour or _start(day, window.zone) - before >= window.since
    return () if read_all else (customers.c.seen_at >= window.since,)


def _same_customer() -> sa.ColumnElement[bool]:
    return sa.and_(
        customers.c.store_id == customer_fields.c.store_id,
        customers.c.customer_id == customer_fields.c.customer_id,
    )


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


FINDERS = (
    EventFinder(kind=FIRST_ORDER_ANNIVERSARY, find=_anniversaries),
    EventFinder(kind=BIRTHDAY, find=_birthdays),
)
