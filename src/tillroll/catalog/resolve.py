"""Looking up rows whose answer is not known, before anything is asked again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.catalog.decide import (
    SETTLES,
    Action,
    Decision,
    Kind,
    RowState,
    after_creation,
    after_deletion,
    after_update,
    failed,
)
from tillroll.catalog.journal import decided, rows_where, write
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.shape import from_journal, of_product, of_variation
from tillroll.ecwid.catalog import Product, Variation
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import import_rows

_AT_ONCE = 50


def resolve(room: Catalogue, import_id: int) -> datetime | None:
    """Look up some of the rows that are due; when the next one is, or None when there is none."""
    unsure = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.UNSURE)
    now = room.clock.now()
    with reading(room.engine) as connection:
        due = rows_where(connection, *unsure, import_rows.c.not_before <= now, limit=_AT_ONCE)
    known: dict[int, Product | None] = {}
    for row in due:
        change = _looked_up(room, row, known)
        if change["state"] == RowState.PLANNED and change["action"] == row.action:
            change["not_before"] = now + SETTLES  # the search may show it yet
        with writing(room.engine) as connection:
            write(connection, [change], was=RowState.UNSURE, now=now)
    with reading(room.engine) as connection:
        next_at: datetime | None = connection.scalar(
            sa.select(sa.func.min(import_rows.c.not_before)).where(*unsure)
        )
    return next_at


def _looked_up(room: Catalogue, row: sa.Row[Any], known: dict[int, Product | None]) -> dict[str, Any]:
    """What the store has now, and what that does to the row."""
    if row.kind == Kind.PRODUCT and row.action == Action.CREATE:
        return _product_creation(room, row)
    if row.product_id not in known:
        known[row.product_id] = _get(room, row.product_id)
    product = known[row.product_id]
    if row.kind == Kind.VARIATION and row.action == Action.CREATE:
        return _variation_creation(room, row, product)
    variation = next(
        (one for one in (product.variations if product else ()) if one.variation_id == row.variation_id), None
    )
    there: Product | Variation | None = product if row.kind == Kind.PRODUCT else variation
    if row.action == Action.DELETE:
        return decided(row.id, after_deletion(present=there is not None, attempts=row.attempts))
    if there is None:
        return decided(row.id, failed("it is no longer in the store", Action.UPDATE))
    decision = after_update(
        wanted=from_journal(row.wanted),
        old=from_journal(row.old),
        present=of_product(there) if isinstance(there, Product) else of_variation(there),
        attempts=row.attempts,
    )
    return _noted(row, decision)


def _noted(row: sa.Row[Any], decision: Decision) -> dict[str, Any]:
    """An undo that may not bring everything back has its reason from the start."""
    change = decided(row.id, decision)
    if row.reason and decision.state is not RowState.FAILED:
        change["reason"] = row.reason
        if decision.state is RowState.DONE:
            change["state"] = RowState.FAILED
    return change


def _get(room: Catalogue, product_id: int) -> Product | None:
    try:
        return room.client.products.get(product_id)
    except StoreSaysNotFound:
        return None


def _with_sku(room: Catalogue, sku: str) -> list[Product]:
    """Products that have the SKU, or a variation with it; once each."""
    found = room.client.products.every(filters={"sku": sku})
    return list({product.product_id: product for product in found}.values())


def _product_creation(room: Catalogue, row: sa.Row[Any]) -> dict[str, Any]:
    holders = _with_sku(room, row.sku)
    found = [product for product in holders if product.sku == row.sku]
    if len(found) > 1:
        return decided(row.id, failed("the store has this SKU several times", Action.CREATE))
    if not found and any(one.sku == row.sku for holder in holders for one in holder.variations):
        return decided(row.id, failed(f"in the store it is a variation of {holders[0].sku}", Action.CREATE))
    there = found[0] if found else None
    decision = after_creation(
        wanted=from_journal(row.wanted),
        present=of_product(there) if there else None,
        made_at=there.created_at if there else None,
        asked_at=row.asked_at,
        attempts=row.attempts,
    )
    return _made(row, decision, product_id=there.product_id if there else None)


def _variation_creation(room: Catalogue, row: sa.Row[Any], product: Product | None) -> dict[str, Any]:
    if product is None:
        return decided(row.id, failed("its product is no longer in the store", Action.CREATE))
    there = next((one for one in product.variations if one.sku == row.sku), None)
    if there is None:
        holders = [one for one in _with_sku(room, row.sku) if one.product_id != product.product_id]
        if holders:
            said = f"in the store this SKU belongs to {holders[0].sku or holders[0].name}"
            return decided(row.id, failed(said, Action.CREATE))
    decision = after_creation(
        wanted=from_journal(row.wanted),
        present=of_variation(there) if there else None,
        made_at=None,
        asked_at=row.asked_at,
        attempts=row.attempts,
    )
    return _made(row, decision, variation_id=there.variation_id if there else None)


def _made(row: sa.Row[Any], decision: Decision, **ids: int | None) -> dict[str, Any]:
    found = {name: value for name, value in ids.items() if value is not None}
    change = decided(row.id, decision, **found)
    if decision.state is RowState.FAILED and row.reason:
        change["reason"] = f"{decision.reason}: {row.reason}"
    return change
