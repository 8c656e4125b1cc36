"""One thing that happened, where it is looked for, and what messages may say of its product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.trigger import Event
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import products

PIECE = 500
"""Happenings that are read and entered together."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened to somebody, or to a product."""

    key: str
    happened_at: datetime
    customer_id: int | None = None
    email: str = ""  # of a guest, whom the store may know by another name
    product_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """Where to look, and how far back."""

    store_id: int
    event: Event
    zone: ZoneInfo
    first_seen: datetime  # of the campaign
    last: datetime  # when it was looked before
    since: datetime  # the same, less what lists lag
    now: datetime

    @property
    def in_a_new_hour(self) -> bool:
        """Whether what lasts is looked at whole again; in between, only rows that the mirror has seen anew."""
        hours = (one.replace(minute=0, second=0, microsecond=0) for one in (self.last, self.now))
        return self.last <= self.first_seen or len(set(hours)) > 1


def read(connection: Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """A query's rows, a piece at a time: a look finds as many as there are, in flat memory."""
    with streaming(connection, query, piece=PIECE) as rows:
        yield from rows


def new_rows(
    table: sa.Table, moment: sa.ColumnElement[Any], look: Look
) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows of the store that the mirror saw since the last look, of what happened since the campaign was first seen."""
    return (table.c.store_id == look.store_id, table.c.seen_at >= look.since, moment >= look.first_seen)


def same_product(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(products.c.store_id == table.c.store_id, products.c.product_id == table.c.product_id)


def product_facts(row: sa.Row[Any]) -> dict[str, Any]:
    """What messages may say of a product."""
    return {
        "id": row.product_id,
        "name": row.name or "",
        "sku": row.sku or "",
        "price": None if row.price is None else str(row.price),
    }
