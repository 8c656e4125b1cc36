"""What couldn't be read of the store's rows: it is missing in the mirror, and people are told until it can be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import upsert
from tillroll.ledger.records.record import Record
from tillroll.ledger.tables import stores, unread_rows

MOST_KEPT = 1_000
"""Entries of one area. Further ones are only logged: one cause makes them all."""

PROFILE = "profile"
"""The area of the store's own settings, which has one row."""

_ONE = {
    "customers": "customer",
    "orders": "order",
    "carts": "cart",
    "products": "product",
    "categories": "category",
    "coupons": "coupon",
    "reviews": "review",
    PROFILE: "the store's settings",
}


@dataclass(frozen=True, kw_only=True)
class UnreadRow(Record):
    """What couldn't be read of one row."""

    area: str  # customers, orders, …
    row_id: str  # in the store, as far as it can be shown; may be empty
    field: str  # which is empty in the mirror; empty: the whole row is missing
    reason: str  # the end of a sentence that begins with the row or the field

    @property
    def sentence(self) -> str:
        """What is missing, and why, as a sentence."""
        subject = _ONE.get(self.area, self.area)
        row = f"{subject} {self.row_id}".strip() if self.row_id else f"{subject} without an id"
        field = f", {self.field.replace('_', ' ')}:" if self.field else ":"
        return f"{row}{field} {self.reason}."


def note_unread(connection: Connection, store_id: int, noted: Sequence[UnreadRow], now: datetime) -> None:
    """Keep what couldn't be read of one area."""
    if not noted:
        return
    kept = count_unread(connection, store_id, noted[0].area)
    rows = {(row.row_id, row.field): {**vars(row), "store_id": store_id, "seen_at": now} for row in noted}
    upsert(connection, unread_rows, list(rows.values())[: max(0, MOST_KEPT - kept)])


def forget_unread(connection: Connection, store_id: int, area: str, row_ids: Collection[str]) -> None:
    """Forget what was kept of rows that were just read, or that the store no longer has."""
    where = (unread_rows.c.store_id == store_id, unread_rows.c.area == area)
    if connection.scalar(sa.select(sa.exists().where(*where))):
        connection.execute(sa.delete(unread_rows).where(*where, unread_rows.c.row_id.in_(list(row_ids))))


def forget_unread_field(connection: Connection, store_id: int, area: str, field: str) -> None:
    """Forget what was kept of one field, which no longer comes from the store."""
    where = (unread_rows.c.store_id == store_id, unread_rows.c.area == area, unread_rows.c.field == field)
    connection.execute(sa.delete(unread_rows).where(*where))


def forget_unread_before(connection: Connection, store_id: int, area: str, moment: datetime) -> None:
    """Forget what a reading of the whole area, begun at a moment, has not met again."""
    where = (unread_rows.c.store_id == store_id, unread_rows.c.area == area)
    connection.execute(sa.delete(unread_rows).where(*where, unread_rows.c.seen_at < moment))


def count_unread(connection: Connection, store_id: int, area: str, *, whole: bool = False) -> int:
    """Count what couldn't be read of an area; `whole`: only the rows that are missing altogether."""
    query = sa.select(sa.func.count()).select_from(unread_rows)
    query = query.where(unread_rows.c.store_id == store_id, unread_rows.c.area == area)
    if whole:
        query = query.where(unread_rows.c.field == "")
    return int(connection.scalar(query) or 0)


def list_unread(connection: Connection, store_id: int, *, limit: int) -> list[UnreadRow]:
    """Return what couldn't be read of a store, missing rows first."""
    query = (
        sa.select(unread_rows)
        .where(unread_rows.c.store_id == store_id)
        .order_by(unread_rows.c.field != "", unread_rows.c.area, unread_rows.c.row_id)
        .limit(limit)
    )
    return [UnreadRow.from_row(row) for row in connection.execute(query)]


def count_unread_by_store(connection: Connection) -> list[tuple[int, str, int]]:
    """Return the count of each store and area that has any: the store's Ecwid number, the area, the count."""
    query = (
        sa.select(stores.c.ecwid_id, unread_rows.c.area, sa.func.count())
        .join(stores, stores.c.id == unread_rows.c.store_id)
        .group_by(stores.c.ecwid_id, unread_rows.c.area)
    )
    return [(ecwid_id, area, count) for ecwid_id, area, count in connection.execute(query)]
