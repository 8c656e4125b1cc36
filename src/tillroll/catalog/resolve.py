"""Looking up rows whose outcome is unknown, before they are sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.batches.session import BatchSession
from tillroll.catalog.decide import (
    SETTLES,
    RowAction,
    RowDecision,
    RowKind,
    RowState,
    after_creation,
    after_deletion,
    after_update,
    failed,
)
from tillroll.catalog.fields import from_journal, of_product, of_variation
from tillroll.catalog.journal import load_rows, row_values, write_rows
from tillroll.ecwid.endpoints.catalog import Product, Variation
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import ImportRow
from tillroll.ledger.tables import import_rows

_AT_ONCE = 50


def resolve(session: BatchSession, import_id: int) -> datetime | None:
    """Look up some of the rows that are due. Return when the next one is due, or None when there is none."""
    unsure = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.UNSURE)
    now = session.clock.now()
    with reading(session.engine) as connection:
        due = load_rows(connection, *unsure, import_rows.c.not_before <= now, limit=_AT_ONCE)
    products: dict[int, Product | None] = {}
    for row in due:
        change = _look_up(session, row, products)
        if change["state"] == RowState.PLANNED and change["action"] == row.action:
            change["not_before"] = now + SETTLES  # the search index may still show it
        with writing(session.engine) as connection:
            write_rows(connection, [change], was=RowState.UNSURE, now=now)
    with reading(session.engine) as connection:
        next_at: datetime | None = connection.scalar(
            sa.select(sa.func.min(import_rows.c.not_before)).where(*unsure)
        )
    return next_at


def _look_up(session: BatchSession, row: ImportRow, products: dict[int, Product | None]) -> dict[str, Any]:
    """Read what the store has now and return what to write to the row. `products` caches those already read."""
    if row.kind == RowKind.PRODUCT and row.action == RowAction.CREATE:
        return _product_creation(session, row)
    product = _cached(session, row.product_id, products)
    if row.kind == RowKind.VARIATION and row.action == RowAction.CREATE:
        return _variation_creation(session, row, product)
    variations = product.variations if product else ()
    variation = next((each for each in variations if each.variation_id == row.variation_id), None)
    present: Product | Variation | None = product if row.kind == RowKind.PRODUCT else variation
    if row.action == RowAction.DELETE:
        return row_values(row.id, after_deletion(present=present is not None, attempts=row.attempts))
    if present is None:
        return row_values(row.id, failed("it is no longer in the store", RowAction.UPDATE))
    decision = after_update(
        wanted=from_journal(row.wanted),
        old=from_journal(row.old),
        present=of_product(present) if isinstance(present, Product) else of_variation(present),
        attempts=row.attempts,
    )
    return _keep_reason(row, decision)


def _keep_reason(row: ImportRow, decision: RowDecision) -> dict[str, Any]:
    """Return what to write, with the reason that a partial undo has from the start."""
    change = row_values(row.id, decision)
    if row.partial and decision.state is not RowState.FAILED:
        change["reason"] = row.reason
        if decision.state is RowState.DONE:
            change["state"] = RowState.FAILED
    return change


def _cached(
    session: BatchSession, product_id: int | None, products: dict[int, Product | None]
) -> Product | None:
    if product_id is None:
        return None
    if product_id not in products:
        products[product_id] = find_product(session, product_id)
    return products[product_id]


def find_product(session: BatchSession, product_id: int) -> Product | None:
    """Return a product of the store, past the search index, or None when it is gone."""
    try:
        return session.client.products.get(product_id)
    except StoreSaysNotFound:
        return None


def _with_sku(session: BatchSession, sku: str) -> list[Product]:
    """Return the products that have the SKU themselves or in a variation, each once."""
    matches = session.client.products.every(filters={"sku": sku})
    return list({product.product_id: product for product in matches}.values())


def _product_creation(session: BatchSession, row: ImportRow) -> dict[str, Any]:
    holders = _with_sku(session, row.sku)
    products = [product for product in holders if product.sku == row.sku]
    if len(products) > 1:
        return row_values(row.id, failed("the store has this SKU several times", RowAction.CREATE))
    if not products and any(each.sku == row.sku for holder in holders for each in holder.variations):
        return row_values(
            row.id, failed(f"in the store it is a variation of {holders[0].sku}", RowAction.CREATE)
        )
    product = products[0] if products else None
    decision = after_creation(
        wanted=from_journal(row.wanted),
        present=of_product(product) if product else None,
        made_at=product.created_at if product else None,
        asked_at=row.asked_at,
        attempts=row.attempts,
    )
    return _with_id(row, decision, product_id=product.product_id if product else None)


def _variation_creation(session: BatchSession, row: ImportRow, product: Product | None) -> dict[str, Any]:
    if product is None:
        return row_values(row.id, failed("its product is no longer in the store", RowAction.CREATE))
    variation = next((each for each in product.variations if each.sku == row.sku), None)
    if variation is None:
        holders = [
            holder for holder in _with_sku(session, row.sku) if holder.product_id != product.product_id
        ]
        if holders:
            reason = f"in the store this SKU belongs to {holders[0].sku or holders[0].name}"
            return row_values(row.id, failed(reason, RowAction.CREATE))
    decision = after_creation(
        wanted=from_journal(row.wanted),
        present=of_variation(variation) if variation else None,
        made_at=None,
        asked_at=row.asked_at,
        attempts=row.attempts,
    )
    return _with_id(row, decision, variation_id=variation.variation_id if variation else None)


def _with_id(row: ImportRow, decision: RowDecision, **ids: int | None) -> dict[str, Any]:
    """Return what to write, with the id of the object in the store if there is one."""
    present = {name: value for name, value in ids.items() if value is not None}
    change = row_values(row.id, decision, **present)
    if decision.state is RowState.FAILED and row.reason:
        change["reason"] = f"{decision.reason}: {row.reason}"
    return change
