"""The customer field that holds birthdays: how its dates are written, and how many can't be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.language.events.days import Birthday
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import show_value
from tillroll.campaign.text.written.days import DayOrder, depends_on_order, order_of, read_day
from tillroll.ledger.tables import customer_fields
from tillroll.plan.segments.names import say_missing_field

_MOST_VALUES = 50_000  # different ones of a field that are read; birthdays of a hundred years are 36,525
_SHOWN = 3
_IN_A_QUERY = 500


def order_in_field(connection: Connection, store_id: int, title: str) -> DayOrder | None:
    """Return which number comes first in the dates of a field; None if no date decides it."""
    return order_of(_values(connection, store_id, title, but_iso=True))


def say_birthdays(connection: Connection, store_id: int, conditions: Birthday) -> Iterator[str]:
    """Yield what a plan should say about the field: that no customer has it, or how many of its dates can't be read."""
    values = _values(connection, store_id, conditions.field)
    if not values:
        clause = say_missing_field(connection, store_id, conditions.field)
        yield f"{clause[:1].upper()}{clause[1:]}."
        return
    order = conditions.written or order_of(values)
    unclear = [value for value in values if order is None and depends_on_order(value)]
    unreadable = [value for value in values if value not in set(unclear) and read_day(value, order) is None]
    if unclear:
        nobody = _say_nothing_for(connection, store_id, conditions.field, unclear)
        yield (
            f"{nobody}: in dates like {show_value(unclear[0])} either number "
            "may be the month. Write `written: day_first` or `written: month_first`."
        )
    if unreadable:
        shown = ", ".join(show_value(value) for value in unreadable[:_SHOWN])
        nobody = _say_nothing_for(connection, store_id, conditions.field, unreadable)
        yield f"{nobody}: the field {conditions.field!r} holds no date that can be read, like {shown}."


def _values(connection: Connection, store_id: int, title: str, *, but_iso: bool = False) -> list[str]:
    """Return the different values of a field that aren't blank; with `but_iso`, without those like 1990-05-17."""
    columns = customer_fields.c
    query = sa.select(columns.value).distinct().where(columns.store_id == store_id, columns.title == title)
    query = query.where(sa.func.trim(columns.value) != "").order_by(columns.value).limit(_MOST_VALUES)
    if but_iso:
        query = query.where(~columns.value.like("____-__-__%"))
    return list(connection.scalars(query))


def _say_nothing_for(connection: Connection, store_id: int, title: str, values: Sequence[str]) -> str:
    """Return `2 customers get nothing`, for those with one of these values."""
    columns, count = customer_fields.c, 0
    for some in batched(values, _IN_A_QUERY):
        where = (columns.store_id == store_id, columns.title == title, columns.value.in_(some))
        count += connection.scalar(sa.select(sa.func.count()).where(*where)) or 0
    return f"{count_of(count, 'customer')} {'gets' if count == 1 else 'get'} nothing"
