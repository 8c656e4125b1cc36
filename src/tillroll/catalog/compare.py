"""Comparing the journal's rows with the store before any call. The store's old values are recorded here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.session import BatchSession
from tillroll.campaign.figures.batched import batched
from tillroll.catalog.decide import (
    Options,
    RowAction,
    RowDecision,
    RowKind,
    RowState,
    Value,
    failed,
    for_existing,
    for_new,
    for_variation,
)
from tillroll.catalog.fields import from_journal, of_product, of_variation, options_of
from tillroll.catalog.journal import PIECE, load_rows, row_values, write_rows
from tillroll.catalog.values import Categories
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.catalog import Product
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import ImportRow
from tillroll.ledger.tables import import_rows

_PRODUCTS = 300  # compared at a time


def category_paths(client: Client) -> Categories:
    """Return each category's id by its path, like `Tea/Green`; 0 where a path is ambiguous."""
    categories = {category.category_id: category for category in client.categories.every()}
    paths: dict[str, int] = {}
    for category in categories.values():
        names, seen, parent = [category.name.strip()], {category.category_id}, category.parent_id
        while parent is not None and parent in categories and parent not in seen:
            seen.add(parent)
            names.append(categories[parent].name.strip())
            parent = categories[parent].parent_id
        path = "/".join(reversed(names))
        paths[path] = 0 if path in paths else category.category_id
    return paths


def compare(session: BatchSession, import_id: int) -> None:
    """Decide every undecided row of an import. Safe to repeat at any time."""
    for piece in batched(session.client.products.every(), _PRODUCTS):
        _match(session, import_id, piece)
    _decide_the_rest(session, import_id)


def _match(session: BatchSession, import_id: int, products: Sequence[Product]) -> None:
    """Decide the rows that name one of these products or of their variations."""
    skus = {product.sku for product in products}
    variation_skus = {variation.sku for product in products for variation in product.variations}
    own = import_rows.c.import_id == import_id
    with writing(session.engine) as connection:
        rows = {row.sku: row for row in _by_sku(connection, own, (skus | variation_skus) - {""})}
        children: dict[str, list[ImportRow]] = {}
        where = (own, import_rows.c.parent_sku.in_(tuple(skus - {""})), import_rows.c.state == RowState.READ)
        for row in load_rows(connection, *where):
            children.setdefault(row.parent_sku, []).append(row)
        matches = _Matches(rows)
        for product in products:
            matches.add(product, children.get(product.sku, []) if product.sku else [])
        write_rows(connection, list(matches.values.values()), was=None, now=session.clock.now())


def _by_sku(connection: Connection, own: sa.ColumnElement[bool], skus: Collection[str]) -> list[ImportRow]:
    rows: list[ImportRow] = []
    for piece in batched(skus, PIECE):
        rows += load_rows(connection, own, import_rows.c.sku.in_(piece))
    return rows


class _Matches:
    """The decisions about the rows that name some products."""

    def __init__(self, rows: dict[str, ImportRow]) -> None:
        self._rows = rows  # by their SKUs
        self.values: dict[int, dict[str, Any]] = {}  # by the rows' ids, what to write

    def add(self, product: Product, children: list[ImportRow]) -> None:
        """Decide the rows that name this product or its variations."""
        row = self._rows.get(product.sku)
        if row is not None:
            if row.kind == RowKind.PRODUCT:
                decision = for_existing(from_journal(row.wanted), of_product(product))
                self._put(row, product, decision)
            else:
                self._put(row, product, failed("in the store this is the SKU of a product"))
        for variation in product.variations:
            row = self._rows.get(variation.sku)
            if row is None or variation.sku == product.sku:
                continue
            if row.kind == RowKind.PRODUCT:
                reason = f"in the store this is the SKU of a variation of {product.sku or product.name}"
                self._put(row, product, failed(reason))
            elif row.parent_sku != product.sku:
                reason = f"in the store it is a variation of {product.sku or product.name}"
                self._put(row, product, failed(reason))
            else:
                present = of_variation(variation)
                decision = for_variation(
                    from_journal(row.wanted), options_of(row.options), present, variation.options
                )
                self._put(row, product, decision, variation_id=variation.variation_id)
        self._note_parent(product, children)

    def _note_parent(self, product: Product, children: list[ImportRow]) -> None:
        """Note the product's id in the rows of variations that it lacks; fail those whose options another SKU has."""
        taken: dict[Options, str] = {
            tuple(sorted(variation.options)): variation.sku for variation in product.variations
        }
        own = {variation.sku for variation in product.variations}
        for row in children:
            options = tuple(sorted(options_of(row.options)))
            if row.sku in own:
                continue
            if row.product_id is not None and row.product_id != product.product_id:
                self._put(row, product, failed(f"the store has several products {product.sku}"))
            elif options and options in taken:
                sku = taken[options]
                under = f"under the SKU {sku}" if sku else "without a SKU of its own"
                self._put(row, product, failed(f"the store has a variation with these options {under}"))
            else:
                self.values.setdefault(row.id, {"id": row.id, "product_id": product.product_id})

    def _put(self, row: ImportRow, product: Product, decision: RowDecision, **also: Any) -> None:
        """Record a decision. A second product with the row's SKU makes the row fail."""
        before = self.values.get(row.id, {}).get("product_id", row.product_id)
        is_child = row.kind == RowKind.VARIATION and "state" not in self.values.get(row.id, {})
        if before not in {None, product.product_id} and not (is_child and row.state == RowState.READ):
            decision = failed("the store has this SKU several times")
        self.values[row.id] = row_values(row.id, decision, product_id=product.product_id, **also)


def _decide_the_rest(session: BatchSession, import_id: int) -> None:
    """Decide the rows whose SKUs the store does not have."""
    own = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.READ)
    after = 0
    while True:
        with reading(session.engine) as connection:
            rows = load_rows(connection, *own, import_rows.c.id > after, limit=PIECE)
            parents = {
                row.sku
                for row in _by_sku(connection, own[0], {row.parent_sku for row in rows} - {""})
                if row.kind == RowKind.PRODUCT
            }
        if not rows:
            return
        after = rows[-1].id
        values = []
        for row in rows:
            kind = RowKind(row.kind)
            decision = for_new(kind, row.sku, from_journal(row.wanted), options_of(row.options))
            if kind is RowKind.VARIATION and row.product_id is None and row.parent_sku not in parents:
                decision = failed(f"neither the file nor the store has a product {row.parent_sku}")
            values.append(row_values(row.id, decision))
        with writing(session.engine) as connection:
            write_rows(connection, values, was=RowState.READ, now=session.clock.now())


def refresh_old_values(session: BatchSession, import_id: int) -> None:
    """Read the old values of rows that were never sent again: the store may have changed while the import was interrupted."""
    unsent = (
        import_rows.c.import_id == import_id,
        import_rows.c.state == RowState.PLANNED,
        import_rows.c.action == RowAction.UPDATE,
        import_rows.c.attempts == 0,
    )
    with reading(session.engine) as connection:
        if not load_rows(connection, *unsent, limit=1):
            return
    for piece in batched(session.client.products.every(), _PRODUCTS):
        products = {product.product_id: product for product in piece}
        with writing(session.engine) as connection:
            rows = load_rows(connection, *unsent, import_rows.c.product_id.in_(tuple(products)))
            values = [
                row_values(row.id, for_existing(from_journal(row.wanted), present))
                for row in rows
                if (present := _present(products, row)) is not None
            ]
            write_rows(connection, values, was=RowState.PLANNED, now=session.clock.now())


def _present(products: Mapping[int, Product], row: ImportRow) -> dict[str, Value] | None:
    """Return the store's fields of a row's product or variation, or None when it is gone."""
    if row.product_id is None:
        return None
    product = products[row.product_id]
    if row.kind == RowKind.PRODUCT:
        return of_product(product)
    own = (variation for variation in product.variations if variation.variation_id == row.variation_id)
    return next(map(of_variation, own), None)
