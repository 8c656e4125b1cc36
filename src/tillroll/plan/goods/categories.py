"""Look up categories of the store by name or path, each with all below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.folder.goods import GoodsCategory, GoodsIndex, look_up
from tillroll.campaign.language.models import AppliesTo
from tillroll.ledger.tables import categories, product_categories, products

Ids = frozenset[int]


def find_categories(
    connection: Connection, store_id: int, names: Sequence[str]
) -> tuple[dict[str, Ids], list[str]]:
    """Return by name or path the ids it means, with all below, and clauses on names that are unknown or ambiguous."""
    if not names:
        return {}, []
    all_categories = every_category(connection, store_id)
    index = GoodsIndex(products=(), variations=(), categories=all_categories)
    below: dict[int | None, list[int]] = {}
    for category in all_categories:
        below.setdefault(category.parent_id, []).append(category.category_id)
    by_name: dict[str, Ids] = {}
    unknown: list[str] = []
    for name in names:
        match = look_up(AppliesTo(categories=(name,)), index)
        unknown += match.unknown
        by_name[name] = _with_below(below, [category.category_id for category in match.goods.categories])
    return by_name, unknown


def of_categories(connection: Connection, store_id: int, names: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition for products that are in these categories or below them."""
    by_name, _ = find_categories(connection, store_id, names)
    ids = frozenset[int]().union(*by_name.values())
    inside = sa.select(product_categories.c.product_id).where(
        product_categories.c.store_id == store_id, product_categories.c.category_id.in_(sorted(ids))
    )
    return products.c.product_id.in_(inside)


def every_category(connection: Connection, store_id: int) -> list[GoodsCategory]:
    """Return all categories of a store."""
    query = sa.select(categories).where(categories.c.store_id == store_id).order_by(categories.c.category_id)
    return [
        GoodsCategory(
            category_id=row.category_id, parent_id=row.parent_id, name=row.name, enabled=row.enabled
        )
        for row in connection.execute(query)
    ]


def _with_below(below: Mapping[int | None, Sequence[int]], start: Iterable[int]) -> Ids:
    """Return categories and all below them."""
    visited: set[int] = set()
    waiting = list(start)
    while waiting:
        category_id = waiting.pop()
        if category_id not in visited:  # the store's tree may contain a circle
            visited.add(category_id)
            waiting += below.get(category_id, ())
    return frozenset(visited)
