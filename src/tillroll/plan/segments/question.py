"""What segments mean in one store at one moment: the names in them, looked up in the mirror."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.scores import ScoreBoundaries
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.text.findings import nearest
from tillroll.ledger.tables import order_items, products, stores, variations
from tillroll.plan.goods.categories import Ids, find_categories

_MOST_SKUS = 20_000  # that are compared with an unknown SKU


@dataclass(frozen=True, kw_only=True)
class Question:
    """The store that segments are evaluated for, the moment, and the meaning of the segments' names in that store."""

    store_id: int
    now: datetime
    dialect: str  # of the database
    only: int | None = None  # the one customer to evaluate; None: all of the store
    lists: Mapping[str, CustomerList] = field(default_factory=dict)
    products: Mapping[str, Ids] = field(default_factory=dict)  # by SKU: the products that have it themselves
    owners: Mapping[str, Ids] = field(
        default_factory=dict
    )  # by SKU: the same, and the products that have it in a variation
    categories: Mapping[str, Ids] = field(default_factory=dict)  # by name: the category and all below it
    marks: ScoreBoundaries | None = None  # boundaries between scores; None: not computed yet, or not needed
    unknown: tuple[str, ...] = ()  # names that this store does not have, as clauses

    def since(self, within: timedelta | None) -> datetime | None:
        """Return the moment after which something must have happened; None: at any time."""
        return None if within is None else self.now - within


def ask(
    connection: Connection,
    *,
    store_id: int,
    segments: Iterable[Segment],
    lists: Mapping[str, CustomerList],
    now: datetime,
    only: int | None = None,
) -> Question:
    """Look up the names in segments; conditions without names cost no query."""
    conditions = [(name, value) for segment in segments for _, name, value in leaves(segment.where)]
    bought = [value for name, value in conditions if name == "bought"]
    skus = sorted({sku.strip() for name, value in conditions for sku in getattr(value, "products", ())})
    paths = sorted({path for value in bought for path in value.categories})
    own, owners = _products(connection, store_id, skus)
    by_name, unknown = find_categories(connection, store_id, paths)
    missing = [sku for sku in skus if not owners[sku] and not _ever_sold(connection, store_id, sku)]
    return Question(
        store_id=store_id,
        now=now,
        dialect=connection.dialect.name,
        only=only,
        lists=lists,
        products=own,
        owners=owners,
        categories=by_name,
        marks=_marks(connection, store_id) if any(name == "rfm" for name, _ in conditions) else None,
        unknown=(*_say_missing(connection, store_id, missing), *unknown),
    )


def _products(
    connection: Connection, store_id: int, skus: Sequence[str]
) -> tuple[dict[str, Ids], dict[str, Ids]]:
    """Return by SKU the products that have it themselves, and those that have it themselves or in a variation."""
    if not skus:
        return {}, {}
    by_table: list[dict[str, set[int]]] = []
    for table in (products, variations):
        query = sa.select(table.c.sku, table.c.product_id)
        rows = connection.execute(query.where(table.c.store_id == store_id, table.c.sku.in_(skus)))
        by_sku: dict[str, set[int]] = {sku: set() for sku in skus}
        for row in rows:
            by_sku[row.sku].add(row.product_id)
        by_table.append(by_sku)
    own, of_variations = by_table
    return (
        {sku: frozenset(own[sku]) for sku in skus},
        {sku: frozenset(own[sku] | of_variations[sku]) for sku in skus},
    )


def _ever_sold(connection: Connection, store_id: int, sku: str) -> bool:
    """Return whether an order names the SKU: a deleted product may still have been bought."""
    where = (order_items.c.store_id == store_id, order_items.c.sku == sku)
    return bool(connection.scalar(sa.select(sa.exists().where(*where))))


def _say_missing(connection: Connection, store_id: int, skus: Sequence[str]) -> list[str]:
    """Return a clause for each missing SKU, with the nearest one that exists."""
    if not skus:
        return []
    existing: set[str] = set()
    for table in (products, variations):
        query = sa.select(table.c.sku).where(table.c.store_id == store_id, table.c.sku != "")
        existing.update(connection.scalars(query.order_by(table.c.sku).limit(_MOST_SKUS)))
    clauses = []
    for sku in skus:
        suggestion = nearest(sku, existing)
        hint = f" (did you mean {suggestion}?)" if suggestion else ""
        clauses.append(f"the store has no product {sku!r}, and no order names it{hint}")
    return clauses


def _marks(connection: Connection, store_id: int) -> ScoreBoundaries | None:
    body: Mapping[str, Any] | None = connection.scalar(
        sa.select(stores.c.score_marks).where(stores.c.id == store_id)
    )
    return None if body is None else ScoreBoundaries.from_json(body)
