"""Look up what an offer applies to in the ledger's mirror of the store's catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.folder.goods import GoodsIndex, GoodsMatch, GoodsProduct, look_up
from tillroll.campaign.language.models import AppliesTo
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.prices import prices_digest
from tillroll.ledger.records import Store
from tillroll.ledger.tables import looks, products, variations
from tillroll.plan.goods.categories import every_category

_SCOPE = "read_catalog"
_MOST_SKUS = 20_000  # that are compared with an unknown SKU


def reason_goods_unread(engine: Engine, store: Store, wanted: Iterable[AppliesTo | None]) -> str:
    """Return why the names cannot be looked up yet: the catalogue was never read. Empty if they can."""
    areas = {name for goods in wanted if goods for name in ("products", "categories") if getattr(goods, name)}
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
) -> GoodsMatch | None:
    """Return what the offer's names mean in the store; None for one on everything. `priced` adds the digest of their prices."""
    if wanted is None:
        return None
    with reading(engine) as connection:
        match = look_up(wanted, _index(connection, store_id, wanted))
        if not priced:
            return match
        prices = prices_digest(connection, store_id, match.goods)
        return replace(match, goods=replace(match.goods, prices=prices))


def _index(connection: Connection, store_id: int, wanted: AppliesTo) -> GoodsIndex:
    """Read as much of the catalogue as is needed to look the names up."""
    skus = [sku.strip() for sku in wanted.products]
    variation_rows = connection.execute(
        sa.select(variations.c.sku, variations.c.product_id).where(
            variations.c.store_id == store_id, variations.c.sku.in_(skus)
        )
    ).all()
    owners = {row.product_id for row in variation_rows}
    rows = connection.execute(
        sa.select(products)
        .where(
            products.c.store_id == store_id,
            sa.or_(products.c.sku.in_(skus), products.c.product_id.in_(owners)),
        )
        .order_by(products.c.product_id)
    ).all()
    existing = {row.sku for row in (*rows, *variation_rows)}
    return GoodsIndex(
        products=[
            GoodsProduct(
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
        variations=[(row.sku, row.product_id) for row in variation_rows],
        categories=every_category(connection, store_id) if wanted.categories else (),
        skus=() if existing >= set(skus) else _every_sku(connection, store_id),
    )


def _every_sku(connection: Connection, store_id: int) -> list[str]:
    """Return the SKUs that an unknown SKU is compared with, to suggest the nearest one."""
    skus: list[str] = []
    for table in (products, variations):
        query = sa.select(table.c.sku).where(table.c.store_id == store_id, table.c.sku != "")
        skus += connection.scalars(query.order_by(table.c.sku).limit(_MOST_SKUS))
    return skus
