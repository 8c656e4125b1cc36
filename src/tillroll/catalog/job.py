"""The three jobs: import a file, preview an import, undo an import. Calling an interrupted job again continues it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from tillroll.batches.session import BatchSession
from tillroll.catalog.apply import OnProgress, apply
from tillroll.catalog.compare import category_paths, compare, refresh_old_values
from tillroll.catalog.decide import SETTLES, ImportState, RowState
from tillroll.catalog.journal import (
    IMPORT,
    UNDO,
    Counts,
    add_rows,
    begin_import,
    count_rows,
    delete_rows,
    import_lock,
    load_import,
    move_import,
    row_from_file,
    unfinished_import,
)
from tillroll.catalog.read import check_file, rows
from tillroll.catalog.retries import with_retries
from tillroll.catalog.undo import add_opposites, compare_undo
from tillroll.errors import Conflict
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Import
from tillroll.ledger.tables import import_rows, imports


def import_file(session: BatchSession, path: Path, *, person: str, on_progress: OnProgress) -> int:
    """Bring the store to what the file says, and return the journal's number. Continues an interrupted import of the file.

    Raises `FaultyFiles` for faults in the file, and `Conflict` while another import is running or unfinished.
    """
    categories = with_retries(session, lambda: category_paths(session.client))
    checked = check_file(path, categories)
    with import_lock(session.engine, session.store_id):
        with reading(session.engine) as connection:
            interrupted = unfinished_import(connection, session.store_id)
        if interrupted is not None and (interrupted.kind != IMPORT or interrupted.digest != checked.digest):
            raise _unfinished(interrupted)
        import_id = (
            interrupted.id
            if interrupted is not None
            else begin_import(session, kind=IMPORT, file=str(path), digest=checked.digest, person=person)
        )
        _continue(
            session,
            import_id,
            fill=lambda: add_rows(session, import_id, map(row_from_file, rows(path, categories))),
            decide=lambda: compare(session, import_id),
            on_progress=on_progress,
        )
    return import_id


def preview_import(session: BatchSession, path: Path) -> int:
    """Journal and compare an import of the file without sending anything, and return the journal's number.

    `session` must have a temporary ledger, since the import stays unfinished in it.
    """
    categories = with_retries(session, lambda: category_paths(session.client))
    checked = check_file(path, categories)
    import_id = begin_import(session, kind=IMPORT, file=str(path), digest=checked.digest, person="")
    add_rows(session, import_id, map(row_from_file, rows(path, categories)))
    with_retries(session, lambda: compare(session, import_id))
    return import_id


def undo_import(
    session: BatchSession, import_id: int, *, person: str, force: bool, on_progress: OnProgress
) -> int:
    """Undo an import, and return the number of the undo's journal. Continues an interrupted undo.

    `force`: overwrite what somebody has changed since. Raises `Conflict` when the journal is itself an undo.
    """
    with import_lock(session.engine, session.store_id):
        with reading(session.engine) as connection:
            undone = load_import(connection, import_id)
            interrupted = unfinished_import(connection, session.store_id)
        if undone.kind != IMPORT or undone.store_id != session.store_id:
            raise Conflict(
                f"Journal {import_id} is itself an undo.",
                hint="To apply its changes again, import the file again.",
            )
        if interrupted is not None and interrupted.id == import_id:
            _close(session, interrupted)
            interrupted = None
        if interrupted is not None and (interrupted.kind != UNDO or interrupted.undoes != import_id):
            raise _unfinished(interrupted)
        undo_id = (
            interrupted.id
            if interrupted is not None
            else begin_import(
                session,
                kind=UNDO,
                file=undone.file,
                digest=undone.digest,
                person=person,
                undoes=import_id,
                force=force,
            )
        )
        forced = interrupted.force if interrupted is not None else force
        _continue(
            session,
            undo_id,
            fill=lambda: add_opposites(session, undo_id, import_id),
            decide=lambda: compare_undo(session, undo_id, force=forced),
            on_progress=on_progress,
        )
    return undo_id


def _continue(
    session: BatchSession,
    import_id: int,
    *,
    fill: Callable[[], None],
    decide: Callable[[], None],
    on_progress: OnProgress,
) -> None:
    """Take an import or an undo from its current state to its end."""
    with reading(session.engine) as connection:
        current = load_import(connection, import_id)
    if current.state == ImportState.READING:
        delete_rows(session, import_id)
        fill()
        on_progress(_counts(session, import_id))
        _wait_for_index(session)
        with_retries(session, decide)
        move_import(session, import_id, was=ImportState.READING, to=ImportState.APPLYING)
    elif current.kind == IMPORT:
        with_retries(session, lambda: refresh_old_values(session, import_id))
    apply(session, import_id, on_progress)


def _counts(session: BatchSession, import_id: int) -> Counts:
    with reading(session.engine) as connection:
        return count_rows(connection, import_id)


def _wait_for_index(session: BatchSession) -> None:
    """Wait until the store's lists show the writes of an import that has just finished: they lag by seconds."""
    now = session.clock.now()
    recent = (imports.c.store_id == session.store_id, imports.c.finished_at > now - SETTLES)
    query = sa.select(sa.func.max(import_rows.c.changed_at)).join(imports)
    with reading(session.engine) as connection:
        written_at = connection.scalar(query.where(*recent, import_rows.c.state == RowState.DONE))
    if written_at is not None:
        left = (written_at + SETTLES - now).total_seconds()
        session.clock.sleep(min(max(0.0, left), SETTLES.total_seconds()))


def _close(session: BatchSession, interrupted: Import) -> None:
    """Finish an interrupted import as it is: settle the rows that were sent, and fail the others."""
    if interrupted.state == ImportState.READING:
        delete_rows(session, interrupted.id)
        move_import(session, interrupted.id, was=ImportState.READING, to=ImportState.APPLYING)
    apply(session, interrupted.id, lambda _: None, closing=True)


def _unfinished(interrupted: Import) -> Conflict:
    if interrupted.kind == UNDO:
        return Conflict(
            f"The undo of import {interrupted.undoes} was interrupted and is not finished.",
            hint=f"Finish it first: tillroll catalog undo {interrupted.undoes}",
        )
    return Conflict(
        f"Import {interrupted.id} of {interrupted.file} was interrupted and is not finished.",
        hint=f"Finish it with the same file: tillroll catalog import {interrupted.file}"
        f"   or undo what it did: tillroll catalog undo {interrupted.id}",
    )
