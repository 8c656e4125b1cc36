"""Undoing an import: a journal of its own with the opposite of each row, compared with the store again.

Variations come before their products, and the last row comes first. What somebody has changed since the import is reported and
not overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from tillroll.batches.session import BatchSession
from tillroll.campaign.figures.batched import batched
from tillroll.catalog.decide import (
    RowAction,
    RowDecision,
    RowKind,
    RowState,
    changes,
    failed,
    only,
    undo_creation,
    undo_update,
)
from tillroll.catalog.fields import from_journal, of_product, of_variation, to_journal
from tillroll.catalog.journal import PIECE, add_rows, load_rows, row_values, write_rows
from tillroll.catalog.resolve import find_product
from tillroll.ecwid.endpoints.catalog import Product
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import ImportRow
from tillroll.ledger.tables import import_rows

_PRODUCTS = 300


def add_opposites(session: BatchSession, undo_id: int, import_id: int) -> None:
    """Journal the opposite of each row that the import has applied."""
    add_rows(session, undo_id, _opposites(session, import_id))


def _opposites(session: BatchSession, import_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the undo, in pieces so that memory stays flat."""
    own = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.DONE)
    before = None
    while True:
        with reading(session.engine) as connection:
            query = sa.select(import_rows).where(*own).order_by(import_rows.c.id.desc()).limit(PIECE)
            if before is not None:
                query = query.where(import_rows.c.id < before)
            rows = [ImportRow.from_row(row) for row in connection.execute(query)]
        if not rows:
            return
        before = rows[-1].id
        yield from map(_opposite, rows)


def _opposite(row: ImportRow) -> dict[str, Any]:
    wanted, old = from_journal(row.wanted), from_journal(row.old)
    created = row.action == RowAction.CREATE
    changed = changes(wanted, old)
    return {
        "line": row.line,
        "kind": row.kind,
        "phase": 1 if row.kind == RowKind.VARIATION else 2,
        "sku": row.sku,
        "parent_sku": row.parent_sku,
        "options": row.options,
        "product_id": row.product_id,
        "variation_id": row.variation_id,
        "action": RowAction.DELETE if created else RowAction.UPDATE,
        "wanted": {} if created else to_journal(only(old, changed)),
        "old": to_journal(wanted if created else changed),  # what the import set, until it is compared
        "state": RowState.READ,
    }


def compare_undo(session: BatchSession, undo_id: int, *, force: bool) -> None:
    """Decide every undecided row of an undo. Safe to repeat at any time."""
    for piece in batched(session.client.products.every(), _PRODUCTS):
        _match(session, undo_id, {product.product_id: product for product in piece}, force=force)
    where = (import_rows.c.import_id == undo_id, import_rows.c.state == RowState.READ)
    query = sa.select(import_rows.c.product_id).where(*where).distinct().limit(_PRODUCTS)
    while True:  # products that the list did not show: deleted, or too new for it
        with reading(session.engine) as connection:
            ids = list(connection.scalars(query))
        if not ids:
            return
        _match(
            session,
            undo_id,
            {product_id: find_product(session, product_id) for product_id in ids},
            force=force,
        )


def _match(session: BatchSession, undo_id: int, products: dict[int, Product | None], *, force: bool) -> None:
    where = (
        import_rows.c.import_id == undo_id,
        import_rows.c.state == RowState.READ,
        import_rows.c.product_id.in_(tuple(products)),
    )
    with writing(session.engine) as connection:
        rows: dict[int, list[ImportRow]] = {}
        for row in load_rows(connection, *where):
            if row.product_id is not None:
                rows.setdefault(row.product_id, []).append(row)
        values = [
            row_values(row.id, decision)
            for product_id, own in rows.items()
            for row, decision in _decide(products[product_id], own, force=force)
        ]
        write_rows(connection, values, was=RowState.READ, now=session.clock.now())


def _decide(
    product: Product | None, rows: Sequence[ImportRow], *, force: bool
) -> Iterator[tuple[ImportRow, RowDecision]]:
    """Decide all rows of one product. The product is deleted only if none of its variations must stay."""
    variations = {each.variation_id: each for each in (product.variations if product else ())}
    kept = False
    for row in rows:
        if row.kind == RowKind.VARIATION:
            variation = variations.get(row.variation_id) if row.variation_id is not None else None
            present = of_variation(variation) if variation else None
            decision = _decide_row(row, present, 0, force=force)
            kept = kept or (decision.state is RowState.FAILED and row.action == RowAction.DELETE)
            yield row, decision
    ours = {row.variation_id for row in rows if row.action == RowAction.DELETE}
    strangers = len(variations.keys() - ours)
    for row in rows:
        if row.kind == RowKind.PRODUCT:
            present = of_product(product) if product else None
            decision = _decide_row(row, present, strangers, force=force)
            if kept and row.action == RowAction.DELETE and decision.state is RowState.PLANNED:
                decision = failed("not deleted: somebody changed one of its variations")
            yield row, decision


def _decide_row(
    row: ImportRow, present: dict[str, Any] | None, strangers: int, *, force: bool
) -> RowDecision:
    set_ = from_journal(row.old)
    if row.action == RowAction.DELETE:
        return undo_creation(set_=set_, present=present, strangers=strangers, force=force)
    if present is None:
        return failed("it is no longer in the store")
    return undo_update(
        before=from_journal(row.wanted),
        set_=set_,
        present=present,
        variation=row.kind == RowKind.VARIATION,
        force=force,
    )
