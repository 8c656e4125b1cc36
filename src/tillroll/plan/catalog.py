"""What an offer names, looked up in the ledger's mirror of the store's catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.folder.goods import Category, Found, Product, Shelf, look_up
from tillroll.campaign.language.models import AppliesTo
from tillroll.ledger.engine import reading
from tillroll.ledger.prices import prices_digest
from tillroll.ledger.tables import categories, looks, products, variations

_SCOPE = "read_catalog"
_MOST_SKUS = 20_000  # that are compared with an unknown one


def unread(engine: Engine, store: sa.Row[Any], wanted: Iterable[AppliesTo | None]) -> str:
    """Why the names can't be looked up yet; empty when they can: what was never read can't lack anything."""
    areas = {name for one in wanted if one for name in ("products", "categories") if getattr(one, name)}
    if not areas:
        return ""
    with reading(engine) as connection:
        read = set(connection.scalars(sa.select(looks.c.area).where(looks.c.store_id == store.id)))
    if areas <= read:
        return ""
    lacks = store.scopes and _SCOPE not in store.scopes.split()
    why = f"; the token lacks the scope {_SCOPE}" if lacks else ""
    return f"the store's catalogue hasn't been read yet{why}"


def find_goods(
    engine: Engine, store_id: int, wanted: AppliesTo | None, *, priced: bool = False
) -> Found | None:
    """What the offer's names mean in the store; None when the offer is on everything. `priced`: with their price digest."""
    if wanted is None:
        return None
    with reading(engine) as connection:
        found = look_up(wanted, _shelf(connection, store_id, wanted))
        if not priced:
            return found
        prices = prices_digest(connection, store_id, found.goods)
        return replace(found, goods=replace(found.goods, prices=prices))


def _shelf(connection: Connection, store_id: int, wanted: AppliesTo) -> Shelf:
    named = [sku.strip() for sku in wanted.products]
    sorts = connection.execute(
        sa.select(variations.c.sku, variations.c.product_id).where(
            variations.c.store_id == store_id, variations.c.sku.in_(named)
        )
    ).all()
    owners = {row.product_id for row in sorts}
    rows = connection.execute(
        sa.select(products)
        .where(
            products.c.store_id == store_id,
            sa.or_(products.c.sku.in_(named), products.c.product_id.in_(owners)),
        )
        .order_by(products.c.product_id)
    ).all()
    known = {row.sku for row in (*rows, *sorts)}
    return Shelf(
        products=[
            Product(
                product_id=row.product_id,
                sku=row.sku,
                name=row.name,
                in_stock=row.in_stock,
                enabled=row.enabled,
                discounts_allowed=row.discounts_allowed,
                price=f"{row.price.normalize():f}",
            )
            for row in rows
        ],
        variations=[(row.sku, row.product_id) for row in sorts],
        categories=_every_category(connection, store_id) if wanted.categories else (),
        skus=() if known >= set(named) else _every_sku(connection, store_id),
    )


def _every_category(connection: Connection, store_id: int) -> list[Category]:
    query = sa.select(categories).where(categories.c.store_id == store_id).order_by(categories.c.category_id)
    return [
        Category(category_id=row.category_id, parent_id=row.parent_id, name=row.name, enabled=row.enabled)
        for row in connection.execute(query)
    ]


def _every_sku(connection: Connection, store_id: int) -> list[str]:
    """What an unknown SKU may have been meant for."""
    found: list[str] = []
    for table in (products, variations):
        query = sa.select(table.c.sku).where(table.c.store_id == store_id, table.c.sku != "")
        found += connection.scalars(query.order_by(table.c.sku).limit(_MOST_SKUS))
    return found
