"""One thing that happened, where it is looked for, and what messages may say of its product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from tillroll.campaign.trigger import Event
from tillroll.ledger.tables import products

MOST = 2_000  # of one campaign in a look


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
    since: datetime  # the last look, less what lists lag
    now: datetime


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
