"""What segments mean in one store at one moment: their names looked up in the mirror, and what the mirror can't tell yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.folder.goods import Category, Shelf, look_up
from tillroll.campaign.language.models import AppliesTo
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.scores import Marks
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.text.findings import nearest
from tillroll.ledger.tables import categories, order_items, products, stores, variations

_MOST_SKUS = 20_000  # that are compared with an unknown one
Ids = frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which store is asked, when, and what the names in the segments mean there."""

    store_id: int
    now: datetime
    dialect: str  # of the database that is asked
    only: int | None = None  # the one customer that is asked about
    lists: Mapping[str, CustomerList] = field(default_factory=dict)
    products: Mapping[str, Ids] = field(default_factory=dict)  # SKU → the products whose own it is
    owners: Mapping[str, Ids] = field(default_factory=dict)  # the same, and those that have it in a variation
    categories: Mapping[str, Ids] = field(default_factory=dict)  # name → itself and all below it
    marks: Marks | None = None  # between scores; none: not drawn up, or not asked for
    unknown: tuple[str, ...] = ()  # names that mean nothing in this store, as sentences

    def since(self, within: timedelta | None) -> datetime | None:
        """The moment after which something must have happened; None: whenever."""
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
    """Look up what the segments name; plain conditions cost no query."""
    said = [(name, value) for segment in segments for _, name, value in leaves(segment.where)]
    bought = [value for name, value in said if name == "bought"]
    skus = sorted({sku.strip() for name, value in said for sku in getattr(value, "products", ())})
    paths = sorted({one for value in bought for one in value.categories})
    own, owners = _products(connection, store_id, skus)
    shelves, unknown = _categories(connection, store_id, paths)
    lost = [sku for sku in skus if not owners[sku] and not _ever_sold(connection, store_id, sku)]
    return Question(
        store_id=store_id,
        now=now,
        dialect=connection.dialect.name,
        only=only,
        lists=lists,
        products=own,
        owners=owners,
        categories=shelves,
        marks=_marks(connection, store_id) if any(name == "rfm" for name, _ in said) else None,
        unknown=(*_say_lost(connection, store_id, lost), *unknown),
    )


def _products(
    connection: Connection, store_id: int, skus: Sequence[str]
) -> tuple[dict[str, Ids], dict[str, Ids]]:
    """The products of each SKU: those whose own it is, and those that have it themselves or in a variation."""
    if not skus:
        return {}, {}
    found: list[dict[str, set[int]]] = []
    for table in (products, variations):
        query = sa.select(table.c.sku, table.c.product_id)
        rows = connection.execute(query.where(table.c.store_id == store_id, table.c.sku.in_(skus)))
        by_sku: dict[str, set[int]] = {sku: set() for sku in skus}
        for row in rows:
            by_sku[row.sku].add(row.product_id)
        found.append(by_sku)
    own, varied = found
    return (
        {sku: frozenset(own[sku]) for sku in skus},
        {sku: frozenset(own[sku] | varied[sku]) for sku in skus},
    )


def _ever_sold(connection: Connection, store_id: int, sku: str) -> bool:
    """Whether an order names the SKU: a product that was deleted was bought all the same."""
    where = (order_items.c.store_id == store_id, order_items.c.sku == sku)
    return bool(connection.scalar(sa.select(sa.exists().where(*where))))


def _say_lost(connection: Connection, store_id: int, skus: Sequence[str]) -> list[str]:
    if not skus:
        return []
    known: set[str] = set()
    for table in (products, variations):
        query = sa.select(table.c.sku).where(table.c.store_id == store_id, table.c.sku != "")
        known.update(connection.scalars(query.order_by(table.c.sku).limit(_MOST_SKUS)))
    said = []
    for sku in skus:
        word = nearest(sku, known)
        hint = f" (did you mean {word}?)" if word else ""
        said.append(f"the store has no product {sku!r}, and no order names it{hint}")
    return said


def _categories(
    connection: Connection, store_id: int, names: Sequence[str]
) -> tuple[dict[str, Ids], list[str]]:
    """The ids that each name or path means, with all below it, and the names that mean nothing or several things."""
    if not names:
        return {}, []
    query = sa.select(categories).where(categories.c.store_id == store_id).order_by(categories.c.category_id)
    every = [
        Category(category_id=row.category_id, parent_id=row.parent_id, name=row.name, enabled=row.enabled)
        for row in connection.execute(query)
    ]
    shelf = Shelf(products=(), variations=(), categories=every)
    below: dict[int | None, list[int]] = {}
    for one in every:
        below.setdefault(one.parent_id, []).append(one.category_id)
    found: dict[str, Ids] = {}
    unknown: list[str] = []
    for name in names:
        meant = look_up(AppliesTo(categories=(name,)), shelf)
        unknown += meant.unknown
        found[name] = _with_below(below, [one.category_id for one in meant.goods.categories])
    return found, unknown


def _with_below(below: Mapping[int | None, Sequence[int]], start: Iterable[int]) -> Ids:
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        if one not in found:  # the store's tree may have a ring in it
            found.add(one)
            waiting += below.get(one, ())
    return frozenset(found)


def _marks(connection: Connection, store_id: int) -> Marks | None:
    body: Mapping[str, Any] | None = connection.scalar(
        sa.select(stores.c.score_marks).where(stores.c.id == store_id)
    )
    return None if body is None else Marks.from_json(body)
