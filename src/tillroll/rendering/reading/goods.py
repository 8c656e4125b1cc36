"""The products and categories that e-mails link to, looked up in the mirror of the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.reading.faults import LinkedGoods, WordFault, WordKind
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import categories, looks, products


def faults_of_goods(
    engine: Engine, store_id: int, linked: Collection[LinkedGoods]
) -> Iterator[tuple[LinkedGoods, WordFault]]:
    """Yield the links to goods that the store doesn't have or doesn't sell now. What was never read isn't looked up."""
    if not linked:
        return
    with reading(engine) as connection:
        read = set(connection.scalars(sa.select(looks.c.area).where(looks.c.store_id == store_id)))
        for goods in linked:
            table, key = (categories, "category_id") if goods.is_category else (products, "product_id")
            if table.name not in read:
                continue
            where = (table.c.store_id == store_id, table.c[key] == goods.number)
            enabled = connection.execute(sa.select(table.c.enabled).where(*where)).scalar()
            if enabled is True:
                continue
            noun = "category" if goods.is_category else "product"
            what = "the store doesn't have" if enabled is None else "is switched off in the store"
            problem = f"a link leads to {noun} {goods.number}, which {what}"
            yield (
                goods,
                WordFault(
                    kind=WordKind.LINKS,
                    part=goods.part,
                    problem=problem,
                    literal=goods.address,
                    is_certain=enabled is None,
                ),
            )
