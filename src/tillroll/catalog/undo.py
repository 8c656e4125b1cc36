"""Taking an import back: a journal of its own, made of what the import's journal says it did, compared with the store anew.

Variations come before their products, the last row first. What somebody changed since the import is told, not overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from tillroll.catalog.decide import (
    Action,
    Decision,
    Kind,
    RowState,
    changes,
    failed,
    only,
    undo_creation,
    undo_update,
)
from tillroll.catalog.journal import PIECE, add_rows, decided, pieces, rows_where, write
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.shape import from_journal, of_product, of_variation, to_journal
from tillroll.ecwid.catalog import Product
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import import_rows

_PRODUCTS = 300


def turn_round(room: Catalogue, undo_id: int, import_id: int) -> None:
    """Journal the opposite of every row that the import has done."""
    add_rows(room, undo_id, _opposites(room, import_id))


def _opposites(room: Catalogue, import_id: int) -> Iterator[dict[str, Any]]:
    own = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.DONE)
    before = None
    while True:
        with reading(room.engine) as connection:
            query = sa.select(import_rows).where(*own).order_by(import_rows.c.id.desc()).limit(PIECE)
            if before is not None:
                query = query.where(import_rows.c.id < before)
            rows = list(connection.execute(query))
        if not rows:
            return
        before = rows[-1].id
        yield from map(_opposite, rows)


def _opposite(row: sa.Row[Any]) -> dict[str, Any]:
    wanted, old = from_journal(row.wanted), from_journal(row.old)
    made = row.action == Action.CREATE
    moved = changes(wanted, old)
    return {
        "line": row.line,
        "kind": row.kind,
        "phase": 1 if row.kind == Kind.VARIATION else 2,
        "sku": row.sku,
        "parent_sku": row.parent_sku,
        "options": row.options,
        "product_id": row.product_id,
        "variation_id": row.variation_id,
        "action": Action.DELETE if made else Action.UPDATE,
        "wanted": {} if made else to_journal(only(old, moved)),
        "old": to_journal(wanted if made else moved),  # what the import set; replaced by what the store has
        "state": RowState.READ,
    }


def compare_undo(room: Catalogue, undo_id: int, *, force: bool) -> None:
    """Decide every row of an undo that isn't decided. May be begun anew at any time."""
    for piece in pieces(room.client.products.every(), _PRODUCTS):
        _match(room, undo_id, {product.product_id: product for product in piece}, force=force)
    where = (import_rows.c.import_id == undo_id, import_rows.c.state == RowState.READ)
    query = sa.select(import_rows.c.product_id).where(*where).distinct().limit(_PRODUCTS)
    while True:  # what the list didn't show: gone, or not to be found yet
        with reading(room.engine) as connection:
            ids = list(connection.scalars(query))
        if not ids:
            return
        _match(room, undo_id, {identity: _get(room, identity) for identity in ids}, force=force)


def _get(room: Catalogue, product_id: int) -> Product | None:
    try:
        return room.client.products.get(product_id)
    except StoreSaysNotFound:
        return None


def _match(room: Catalogue, undo_id: int, products: dict[int, Product | None], *, force: bool) -> None:
    where = (
        import_rows.c.import_id == undo_id,
        import_rows.c.state == RowState.READ,
        import_rows.c.product_id.in_(tuple(products)),
    )
    with writing(room.engine) as connection:
        rows: dict[int, list[sa.Row[Any]]] = {}
        for row in rows_where(connection, *where):
            rows.setdefault(row.product_id, []).append(row)
        found = [
            decided(row.id, decision)
            for product_id, own in rows.items()
            for row, decision in _decide(products[product_id], own, force=force)
        ]
        write(connection, found, was=RowState.READ, now=room.clock.now())


def _decide(
    product: Product | None, rows: Sequence[sa.Row[Any]], *, force: bool
) -> Iterator[tuple[sa.Row[Any], Decision]]:
    """All rows of one product together: it is only deleted if nothing of somebody else's goes with it."""
    variations = {one.variation_id: one for one in (product.variations if product else ())}
    kept = False
    for row in rows:
        if row.kind == Kind.VARIATION:
            there = variations.get(row.variation_id)
            decision = _one(row, of_variation(there) if there else None, 0, force=force)
            kept = kept or (decision.state is RowState.FAILED and row.action == Action.DELETE)
            yield row, decision
    ours = {row.variation_id for row in rows if row.action == Action.DELETE}
    strangers = len(variations.keys() - ours)
    for row in rows:
        if row.kind == Kind.PRODUCT:
            decision = _one(row, of_product(product) if product else None, strangers, force=force)
            if kept and row.action == Action.DELETE and decision.state is RowState.PLANNED:
                decision = failed("not deleted: somebody changed one of its variations")
            yield row, decision


def _one(row: sa.Row[Any], present: dict[str, Any] | None, strangers: int, *, force: bool) -> Decision:
    set_ = from_journal(row.old)
    if row.action == Action.DELETE:
        return undo_creation(set_=set_, present=present, strangers=strangers, force=force)
    if present is None:
        return failed("it is no longer in the store")
    return undo_update(
        before=from_journal(row.wanted),
        set_=set_,
        present=present,
        variation=row.kind == Kind.VARIATION,
        force=force,
    )
