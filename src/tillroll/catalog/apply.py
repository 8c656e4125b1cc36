"""Carrying a journal's decided rows out, a slice at a time: what goes to the store goes as an errand (`errand.py`).

Crash points: those of `chunks/`; what a lost batch may have done is looked up before it is asked again (`resolve.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.catalog.decide import Counts, Kind, RowState
from tillroll.catalog.errand import ImportErrand, carrier_of
from tillroll.catalog.journal import PIECE, counts, finish, open_phase, write
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.patience import patiently
from tillroll.catalog.resolve import resolve
from tillroll.chunks.carry import poll, push
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import import_rows

Told = Callable[[Counts], None]
_LONGEST_PAUSE = 30.0


def apply(room: Catalogue, import_id: int, told: Told, *, closing: bool = False) -> None:
    """Carry an import, or an undo, to its end. `closing`: only settle what is on its way, and leave the rest undone."""

    def step() -> datetime | None:
        return _step(room, import_id, closing=closing)

    while True:
        next_at = patiently(room, step)
        with reading(room.engine) as connection:
            tally = counts(connection, import_id)
        told(tally)
        if not tally.open:
            finish(room, import_id)
            return
        if next_at is not None:
            pause = (next_at - room.clock.now()).total_seconds()
            room.clock.sleep(min(max(0.0, pause), _LONGEST_PAUSE))


def _step(room: Catalogue, import_id: int, *, closing: bool) -> datetime | None:
    """One bounded slice; when there will be more to do, or None: at once."""
    with reading(room.engine) as connection:
        phase = open_phase(connection, import_id)
    if phase is None:
        return None
    if closing:
        _leave(room, import_id)
    else:
        _adopt(room, import_id, phase)
    carrier, errand = carrier_of(room), ImportErrand(room=room, import_id=import_id, phase=phase)
    push(carrier, errand)
    next_poll = poll(carrier, errand)
    next_look = resolve(room, import_id)
    with reading(room.engine) as connection:
        rows = (import_rows.c.import_id == import_id, import_rows.c.phase == phase)
        waiting = (
            *rows,
            import_rows.c.state == RowState.PLANNED,
            import_rows.c.not_before > room.clock.now(),
        )
        next_try: datetime | None = connection.scalar(
            sa.select(sa.func.min(import_rows.c.not_before)).where(*waiting)
        )
    return min((at for at in (next_poll, next_look, next_try) if at is not None), default=None)


def _leave(room: Catalogue, import_id: int) -> None:
    with writing(room.engine) as connection:
        where = (
            import_rows.c.import_id == import_id,
            import_rows.c.state.in_((RowState.READ, RowState.PLANNED)),
        )
        values = {"state": RowState.FAILED, "reason": "not done: the import was undone before it came to it"}
        connection.execute(sa.update(import_rows).where(*where).values(values))


def _adopt(room: Catalogue, import_id: int, phase: int) -> None:
    """Give variations the ids of products that were made in the phase before."""
    parent = import_rows.alias("parent")
    where = (
        import_rows.c.import_id == import_id,
        import_rows.c.phase == phase,
        import_rows.c.state == RowState.PLANNED,
        import_rows.c.kind == Kind.VARIATION,
        import_rows.c.product_id.is_(None),
    )
    join = sa.and_(parent.c.import_id == import_id, parent.c.sku == import_rows.c.parent_sku)
    columns = (
        import_rows.c.id,
        import_rows.c.parent_sku,
        parent.c.product_id,
        parent.c.state,
        parent.c.reason,
    )
    query = sa.select(*columns).select_from(import_rows.outerjoin(parent, join)).where(*where).limit(PIECE)
    while True:
        with writing(room.engine) as connection:
            orphans = list(connection.execute(query))
            found: list[dict[str, Any]] = []
            for row in orphans:
                if row.product_id is not None and row.state in {RowState.DONE, RowState.UNCHANGED}:
                    found.append({"id": row.id, "product_id": row.product_id})
                else:
                    said = f"its product {row.parent_sku} failed: {row.reason or 'it is not in the store'}"
                    found.append({"id": row.id, "state": RowState.FAILED, "reason": said})
            write(connection, found, was=RowState.PLANNED, now=room.clock.now())
        if not orphans:
            return
