"""Holding the journal's rows against the store, which is read once, before any call: old values are recorded here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.catalog.decide import (
    Action,
    Decision,
    Kind,
    RowState,
    Value,
    failed,
    for_existing,
    for_new,
    for_variation,
)
from tillroll.catalog.journal import PIECE, decided, pieces, rows_where, write
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.shape import from_journal, of_product, of_variation, options_of
from tillroll.catalog.values import Categories
from tillroll.ecwid.catalog import Product
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import import_rows

_PRODUCTS = 300  # compared at a time


def category_paths(client: Client) -> Categories:
    """Every category's id by its path, like `Tea/Green`; 0 where a path is ambiguous."""
    known = {one.category_id: one for one in client.categories.every()}
    found: dict[str, int] = {}
    for category in known.values():
        names, seen, above = [category.name.strip()], {category.category_id}, category.parent_id
        while above is not None and above in known and above not in seen:
            seen.add(above)
            names.append(known[above].name.strip())
            above = known[above].parent_id
        path = "/".join(reversed(names))
        found[path] = 0 if path in found else category.category_id
    return found


def compare(room: Catalogue, import_id: int) -> None:
    """Decide every row of an import that isn't decided. May be begun anew at any time."""
    for piece in pieces(room.client.products.every(), _PRODUCTS):
        _match(room, import_id, piece)
    _decide_the_rest(room, import_id)


def _match(room: Catalogue, import_id: int, products: Sequence[Product]) -> None:
    """Rows that name one of these products, or a variation of one."""
    skus = {product.sku for product in products}
    below = {variation.sku for product in products for variation in product.variations}
    own = import_rows.c.import_id == import_id
    with writing(room.engine) as connection:
        rows = {row.sku: row for row in _by_sku(connection, own, (skus | below) - {""})}
        children: dict[str, list[sa.Row[Any]]] = {}
        where = (own, import_rows.c.parent_sku.in_(tuple(skus - {""})), import_rows.c.state == RowState.READ)
        for row in rows_where(connection, *where):
            children.setdefault(row.parent_sku, []).append(row)
        matched = _Matched(rows)
        for product in products:
            matched.take(product, children.get(product.sku, []) if product.sku else [])
        write(connection, list(matched.found.values()), was=None, now=room.clock.now())


def _by_sku(connection: Connection, own: sa.ColumnElement[bool], skus: set[str]) -> list[sa.Row[Any]]:
    found: list[sa.Row[Any]] = []
    for piece in pieces(skus, PIECE):
        found += rows_where(connection, own, import_rows.c.sku.in_(piece))
    return found


class _Matched:
    """What becomes of the rows that some products touch."""

    def __init__(self, rows: dict[str, sa.Row[Any]]) -> None:
        self._rows = rows
        self.found: dict[int, dict[str, Any]] = {}

    def take(self, product: Product, children: list[sa.Row[Any]]) -> None:
        """Decide the rows that name this product or its variations."""
        row = self._rows.get(product.sku)
        if row is not None:
            if row.kind == Kind.PRODUCT:
                decision = for_existing(from_journal(row.wanted), of_product(product))
                self._put(row, product, decision)
            else:
                self._put(row, product, failed("in the store this is the SKU of a product"))
        for variation in product.variations:
            row = self._rows.get(variation.sku)
            if row is None or variation.sku == product.sku:
                continue
            if row.kind == Kind.PRODUCT:
                said = f"in the store this is the SKU of a variation of {product.sku or product.name}"
                self._put(row, product, failed(said))
            elif row.parent_sku != product.sku:
                said = f"in the store it is a variation of {product.sku or product.name}"
                self._put(row, product, failed(said))
            else:
                there = of_variation(variation)
                decision = for_variation(
                    from_journal(row.wanted), options_of(row.options), there, variation.options
                )
                self._put(row, product, decision, variation_id=variation.variation_id)
        self._adopt(product, children)

    def _adopt(self, product: Product, children: list[sa.Row[Any]]) -> None:
        """Variations that the product may lack: its id is noted, unless another SKU has their options."""
        taken = {tuple(sorted(one.options)): one.sku for one in product.variations}
        own = {one.sku for one in product.variations}
        for row in children:
            options = tuple(sorted(options_of(row.options)))
            if row.sku in own:
                continue
            if row.product_id is not None and row.product_id != product.product_id:
                self._put(row, product, failed(f"the store has several products {product.sku}"))
            elif options and options in taken:
                under = taken[options]
                said = f"under the SKU {under}" if under else "without a SKU of its own"
                self._put(row, product, failed(f"the store has a variation with these options {said}"))
            else:
                self.found.setdefault(row.id, {"id": row.id, "product_id": product.product_id})

    def _put(self, row: sa.Row[Any], product: Product, decision: Decision, **also: Any) -> None:
        """Take a decision down; a second product with the row's SKU makes it fail."""
        before = self.found.get(row.id, {}).get("product_id", row.product_id)
        is_child = row.kind == Kind.VARIATION and "state" not in self.found.get(row.id, {})
        if before not in {None, product.product_id} and not (is_child and row.state == RowState.READ):
            decision = failed("the store has this SKU several times")
        self.found[row.id] = decided(row.id, decision, product_id=product.product_id, **also)


def _decide_the_rest(room: Catalogue, import_id: int) -> None:
    """Rows whose SKU the store doesn't have."""
    own = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.READ)
    after = 0
    while True:
        with reading(room.engine) as connection:
            rows = rows_where(connection, *own, import_rows.c.id > after, limit=PIECE)
            parents = {
                row.sku
                for row in _by_sku(connection, own[0], {row.parent_sku for row in rows} - {""})
                if row.kind == Kind.PRODUCT
            }
        if not rows:
            return
        after = rows[-1].id
        found = []
        for row in rows:
            kind = Kind(row.kind)
            decision = for_new(kind, row.sku, from_journal(row.wanted), options_of(row.options))
            if kind is Kind.VARIATION and row.product_id is None and row.parent_sku not in parents:
                decision = failed(f"neither the file nor the store has a product {row.parent_sku}")
            found.append(decided(row.id, decision))
        with writing(room.engine) as connection:
            write(connection, found, was=RowState.READ, now=room.clock.now())


def refresh(room: Catalogue, import_id: int) -> None:
    """An import that was interrupted goes on: the store may have moved on, so old values of what was never sent are read anew."""
    unsent = (
        import_rows.c.import_id == import_id,
        import_rows.c.state == RowState.PLANNED,
        import_rows.c.action == Action.UPDATE,
        import_rows.c.attempts == 0,
    )
    with reading(room.engine) as connection:
        if not rows_where(connection, *unsent, limit=1):
            return
    for piece in pieces(room.client.products.every(), _PRODUCTS):
        products = {product.product_id: product for product in piece}
        with writing(room.engine) as connection:
            rows = rows_where(connection, *unsent, import_rows.c.product_id.in_(tuple(products)))
            found = [
                decided(row.id, for_existing(from_journal(row.wanted), there))
                for row in rows
                if (there := _present(products[row.product_id], row)) is not None
            ]
            write(connection, found, was=RowState.PLANNED, now=room.clock.now())


def _present(product: Product, row: sa.Row[Any]) -> dict[str, Value] | None:
    if row.kind == Kind.PRODUCT:
        return of_product(product)
    own = (one for one in product.variations if one.variation_id == row.variation_id)
    return next(map(of_variation, own), None)
