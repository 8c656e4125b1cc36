"""Applying the decided rows of a journal to the store, as batch jobs (`batch_job.py`).

Crash points: those of `batches/`. Rows of a lost batch are looked up before they are sent again (`resolve.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.batches.runner import poll, push
from tillroll.batches.session import BatchSession
from tillroll.catalog.batch_job import ImportJob
from tillroll.catalog.decide import RowKind, RowState
from tillroll.catalog.journal import PIECE, Counts, count_rows, finish_import, open_phase, write_rows
from tillroll.catalog.resolve import resolve
from tillroll.catalog.retries import with_retries
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import import_rows

OnProgress = Callable[[Counts], None]
"""Called with the counts after each step."""

_LONGEST_PAUSE = 30.0  # seconds


def apply(session: BatchSession, import_id: int, on_progress: OnProgress, *, closing: bool = False) -> None:
    """Apply an import or an undo to its end, waiting between its steps.

    `closing`: settle only the rows that were sent, and fail the others.
    """

    def step() -> datetime | None:
        return _step(session, import_id, closing=closing)

    while True:
        next_at = with_retries(session, step)
        with reading(session.engine) as connection:
            counts = count_rows(connection, import_id)
        on_progress(counts)
        if not counts.open:
            finish_import(session, import_id)
            return
        if next_at is not None:
            pause = (next_at - session.clock.now()).total_seconds()
            session.clock.sleep(min(max(0.0, pause), _LONGEST_PAUSE))


def _step(session: BatchSession, import_id: int, *, closing: bool) -> datetime | None:
    """Do one bounded step. Return when there is more to do, or None for at once."""
    with reading(session.engine) as connection:
        phase = open_phase(connection, import_id)
    if phase is None:
        return None
    if closing:
        _fail_unsent(session, import_id)
    else:
        _set_parents(session, import_id, phase)
    job = ImportJob(session=session, import_id=import_id, phase=phase)
    push(session, job)
    next_poll = poll(session, job)
    next_look = resolve(session, import_id)
    with reading(session.engine) as connection:
        rows = (import_rows.c.import_id == import_id, import_rows.c.phase == phase)
        waiting = (
            *rows,
            import_rows.c.state == RowState.PLANNED,
            import_rows.c.not_before > session.clock.now(),
        )
        next_try: datetime | None = connection.scalar(
            sa.select(sa.func.min(import_rows.c.not_before)).where(*waiting)
        )
    return min((at for at in (next_poll, next_look, next_try) if at is not None), default=None)


def _fail_unsent(session: BatchSession, import_id: int) -> None:
    """Fail the rows that were not sent."""
    with writing(session.engine) as connection:
        where = (
            import_rows.c.import_id == import_id,
            import_rows.c.state.in_((RowState.READ, RowState.PLANNED)),
        )
        values = {"state": RowState.FAILED, "reason": "not applied: the import was undone first"}
        connection.execute(sa.update(import_rows).where(*where).values(values))


def _set_parents(session: BatchSession, import_id: int, phase: int) -> None:
    """Give variations the ids of products that were created in the phase before; fail those without a product."""
    parent = import_rows.alias("parent")
    where = (
        import_rows.c.import_id == import_id,
        import_rows.c.phase == phase,
        import_rows.c.state == RowState.PLANNED,
        import_rows.c.kind == RowKind.VARIATION,
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
        with writing(session.engine) as connection:
            orphans = list(connection.execute(query))
            values: list[dict[str, Any]] = []
            for row in orphans:
                if row.product_id is not None and row.state in {RowState.DONE, RowState.UNCHANGED}:
                    values.append({"id": row.id, "product_id": row.product_id})
                else:
                    reason = f"its product {row.parent_sku} failed: {row.reason or 'it is not in the store'}"
                    values.append({"id": row.id, "state": RowState.FAILED, "reason": reason})
            write_rows(connection, values, was=RowState.PLANNED, now=session.clock.now())
        if not orphans:
            return
