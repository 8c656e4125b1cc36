"""The three jobs: import a file, try one out, take one back. Each is continued by being called again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tillroll.catalog.apply import Told, apply
from tillroll.catalog.compare import category_paths, compare, refresh
from tillroll.catalog.decide import SETTLES, Counts, ImportState, RowState
from tillroll.catalog.journal import (
    IMPORT,
    UNDO,
    add_rows,
    begin,
    counts,
    forget_rows,
    from_file,
    load,
    move,
    only_import,
    unfinished,
)
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.patience import patiently
from tillroll.catalog.read import judge, rows
from tillroll.catalog.undo import compare_undo, turn_round
from tillroll.errors import Conflict
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import import_rows, imports


def import_file(room: Catalogue, path: Path, *, person: str, told: Told) -> int:
    """Bring the store to what the file says; the journal's number. Goes on with the same file's import if it was interrupted."""
    categories = patiently(room, lambda: category_paths(room.client))
    judged = judge(path, categories)
    with only_import(room.engine, room.store_id):
        with reading(room.engine) as connection:
            found = unfinished(connection, room.store_id)
        if found is not None and (found.kind != IMPORT or found.digest != judged.digest):
            raise _not_over(found)
        import_id: int = (
            found.id
            if found is not None
            else begin(room, kind=IMPORT, file=str(path), digest=judged.digest, person=person)
        )
        _carry_on(
            room,
            import_id,
            fill=lambda: add_rows(room, import_id, map(from_file, rows(path, categories))),
            decide=lambda: compare(room, import_id),
            told=told,
        )
    return import_id


def try_out(room: Catalogue, path: Path) -> int:
    """What an import of the file would do: journalled and compared, nothing is sent. `room` has a ledger to throw away."""
    categories = patiently(room, lambda: category_paths(room.client))
    judged = judge(path, categories)
    import_id = begin(room, kind=IMPORT, file=str(path), digest=judged.digest, person="")
    add_rows(room, import_id, map(from_file, rows(path, categories)))
    patiently(room, lambda: compare(room, import_id))
    return import_id


def undo_import(room: Catalogue, import_id: int, *, person: str, force: bool, told: Told) -> int:
    """Take an import back; the undo's own journal number. Goes on with its undo if that was interrupted."""
    with only_import(room.engine, room.store_id):
        with reading(room.engine) as connection:
            taken_back = load(connection, import_id)
            found = unfinished(connection, room.store_id)
        if taken_back.kind != IMPORT or taken_back.store_id != room.store_id:
            raise Conflict(
                f"Journal {import_id} is itself an undo.",
                hint="To have its changes again, import the file again.",
            )
        if found is not None and found.id == import_id:
            _close(room, found)
            found = None
        if found is not None and (found.kind != UNDO or found.undoes != import_id):
            raise _not_over(found)
        undo_id = (
            found.id
            if found is not None
            else begin(
                room,
                kind=UNDO,
                file=taken_back.file,
                digest=taken_back.digest,
                person=person,
                undoes=import_id,
                force=force,
            )
        )
        forced = found.force if found is not None else force
        _carry_on(
            room,
            undo_id,
            fill=lambda: turn_round(room, undo_id, import_id),
            decide=lambda: compare_undo(room, undo_id, force=forced),
            told=told,
        )
    return undo_id


def _carry_on(
    room: Catalogue, import_id: int, *, fill: Callable[[], None], decide: Callable[[], None], told: Told
) -> None:
    """From wherever it stands to its end."""
    with reading(room.engine) as connection:
        found = load(connection, import_id)
    if found.state == ImportState.READING:
        forget_rows(room, import_id)
        fill()
        told(_tally(room, import_id))
        _let_settle(room)
        patiently(room, decide)
        move(room, import_id, was=ImportState.READING, to=ImportState.APPLYING)
    elif found.kind == IMPORT:
        patiently(room, lambda: refresh(room, import_id))
    apply(room, import_id, told)


def _tally(room: Catalogue, import_id: int) -> Counts:
    with reading(room.engine) as connection:
        return counts(connection, import_id)


def _let_settle(room: Catalogue) -> None:
    """The store's lists show a write seconds later: wait them out after an import that has only just ended."""
    now = room.clock.now()
    lately = (imports.c.store_id == room.store_id, imports.c.finished_at > now - SETTLES)
    query = sa.select(sa.func.max(import_rows.c.changed_at)).join(imports)
    with reading(room.engine) as connection:
        wrote = connection.scalar(query.where(*lately, import_rows.c.state == RowState.DONE))
    if wrote is not None:
        left = (wrote + SETTLES - now).total_seconds()
        room.clock.sleep(min(max(0.0, left), SETTLES.total_seconds()))


def _close(room: Catalogue, found: sa.Row[Any]) -> None:
    """End an interrupted import where it is: what is on its way is settled, the rest is left."""
    if found.state == ImportState.READING:
        forget_rows(room, found.id)
        move(room, found.id, was=ImportState.READING, to=ImportState.APPLYING)
    apply(room, found.id, lambda _: None, closing=True)


def _not_over(found: sa.Row[Any]) -> Conflict:
    if found.kind == UNDO:
        return Conflict(
            f"The undo of import {found.undoes} was interrupted and isn't over.",
            hint=f"Finish it first: tillroll catalog undo {found.undoes}",
        )
    return Conflict(
        f"Import {found.id} of {found.file} was interrupted and isn't over.",
        hint=f"Finish it with the same file: tillroll catalog import {found.file}"
        f"   or take back what it did: tillroll catalog undo {found.id}",
    )
