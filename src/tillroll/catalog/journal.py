"""The journal: imports and their rows in the ledger. A state is written only where the state that was read is unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.batches.session import BatchSession
from tillroll.campaign.figures.batched import batched
from tillroll.catalog.decide import ROW_OPEN, ImportState, RowAction, RowDecision, RowState
from tillroll.catalog.fields import to_journal
from tillroll.catalog.read import FileRow
from tillroll.errors import Conflict
from tillroll.ledger import audit
from tillroll.ledger.engine import fetch_one, reading, streaming, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.records import Import, ImportRow
from tillroll.ledger.tables import import_rows, imports

IMPORT, UNDO = "import", "undo"
PIECE = 1_000


@contextmanager
def import_lock(engine: Engine, store_id: int) -> Iterator[None]:
    """Hold the store's import lock for the length of a block. Raises `Conflict` when another process holds it."""
    with store_lock(engine, store_id, name="import") as held:
        if not held:
            raise Conflict(
                "Another import or undo is running for this store.",
                hint="Wait until it has finished. To see its progress: tillroll catalog status",
            )
        yield


def load_import(connection: Connection, import_id: int) -> Import:
    """Return an import. Raises `NotFound`."""
    row = fetch_one(
        connection,
        sa.select(imports).where(imports.c.id == import_id),
        missing=f"There is no journal {import_id}. See: tillroll catalog status",
    )
    return Import.from_row(row)


def unfinished_import(connection: Connection, store_id: int) -> Import | None:
    """Return the store's import or undo that is not finished, or None."""
    where = (imports.c.store_id == store_id, imports.c.state != ImportState.DONE)
    row = connection.execute(sa.select(imports).where(*where).order_by(imports.c.id)).first()
    return None if row is None else Import.from_row(row)


def latest_imports(connection: Connection, store_id: int, limit: int) -> list[Import]:
    """Return the store's latest imports and undos, newest first."""
    query = sa.select(imports).where(imports.c.store_id == store_id)
    rows = connection.execute(query.order_by(imports.c.id.desc()).limit(limit))
    return [Import.from_row(row) for row in rows]


def begin_import(
    session: BatchSession, *, kind: str, file: str, digest: str, person: str, **also: Any
) -> int:
    """Write a new import with its audit entry, and return its id. `also` holds more columns."""
    now = session.clock.now()
    values = {
        "store_id": session.store_id,
        "kind": kind,
        "file": file,
        "digest": digest,
        "state": ImportState.READING,
        "person": person,
        "force": False,
        "created_at": now,
        "changed_at": now,
        **also,
    }
    with writing(session.engine) as connection:
        insert = sa.insert(imports).values(values).returning(imports.c.id)
        import_id: int = connection.execute(insert).scalar_one()
        _record(connection, import_id, kind, "begun", person, now, {"file": file, "digest": digest, **also})
    return import_id


def move_import(session: BatchSession, import_id: int, *, was: ImportState, to: ImportState) -> None:
    """Move an import to its next state if it is still in the state `was`."""
    with writing(session.engine) as connection:
        where = (imports.c.id == import_id, imports.c.state == was)
        connection.execute(sa.update(imports).where(*where).values(state=to, changed_at=session.clock.now()))


def finish_import(session: BatchSession, import_id: int) -> None:
    """Finish an import whose rows all have an outcome."""
    now = session.clock.now()
    with writing(session.engine) as connection:
        import_ = load_import(connection, import_id)
        where = (imports.c.id == import_id, imports.c.state == ImportState.APPLYING)
        values = {"state": ImportState.DONE, "changed_at": now, "finished_at": now}
        if connection.execute(sa.update(imports).where(*where).values(values)).rowcount == 1:
            tally = count_rows(connection, import_id)
            body = {"done": tally.done, "unchanged": tally.unchanged, "failed": tally.failed}
            _record(connection, import_id, import_.kind, "ended", import_.person, now, body)


def _record(
    connection: Connection,
    import_id: int,
    kind: str,
    event: str,
    person: str,
    now: datetime,
    body: Mapping[str, Any],
) -> None:
    action, subject = f"catalog.{kind}.{event}", f"import {import_id}"
    audit.record(connection, at=now, actor=person, action=action, subject=subject, body=body)


def delete_rows(session: BatchSession, import_id: int) -> None:
    """Delete the rows of an import that was interrupted while reading: it has sent nothing and reads again."""
    with writing(session.engine) as connection:
        connection.execute(sa.delete(import_rows).where(import_rows.c.import_id == import_id))


def add_rows(session: BatchSession, import_id: int, new_rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to the journal in batches. All must have the same columns."""
    for piece in batched(new_rows, PIECE):
        now = session.clock.now()
        with writing(session.engine) as connection:
            values = [{**row, "import_id": import_id, "changed_at": now} for row in piece]
            connection.execute(sa.insert(import_rows), values)


def row_from_file(row: FileRow) -> dict[str, Any]:
    """Return a row of the file as it is first journalled."""
    return {
        "line": row.line,
        "kind": row.kind,
        "phase": 2 if row.parent_sku else 1,
        "sku": row.sku,
        "parent_sku": row.parent_sku,
        "options": [list(option) for option in row.options],
        "wanted": to_journal(row.wanted),
        "state": RowState.READ,
    }


def row_values(row_id: int, decision: RowDecision, **also: Any) -> dict[str, Any]:
    """Return what a decision writes to its row, for `write_rows`. `also` holds more columns."""
    values: dict[str, Any] = {"state": decision.state, "action": decision.action, "reason": decision.reason}
    if decision.partial:
        values["partial"] = True  # stays so, whatever later attempts decide
    if decision.old is not None:
        values["old"] = to_journal(decision.old)
    if decision.wanted is not None:
        values["wanted"] = to_journal(decision.wanted)
    return {"id": row_id, **values, **also}


def write_rows(
    connection: Connection, changes: Sequence[Mapping[str, Any]], *, was: RowState | None, now: datetime
) -> None:
    """Write rows that are still in the state `was`. Each of `changes` has a row's id and its new values.

    `was=None` writes in any state: only for rows that the caller has read in the same transaction.
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        alike.setdefault(tuple(sorted(change)), []).append(
            {f"b_{name}": value for name, value in change.items()}
        )
    for names, values in alike.items():
        new: dict[str, Any] = {name: sa.bindparam(f"b_{name}") for name in names if name != "id"}
        where = [import_rows.c.id == sa.bindparam("b_id")]
        if was is not None:
            where.append(import_rows.c.state == was)
        connection.execute(sa.update(import_rows).where(*where).values(**new, changed_at=now), values)


def load_rows(connection: Connection, *where: sa.ColumnElement[bool], limit: int = 0) -> list[ImportRow]:
    """Return rows in the order of the file."""
    query = sa.select(import_rows).where(*where).order_by(import_rows.c.id)
    rows = connection.execute(query.limit(limit) if limit else query)
    return [ImportRow.from_row(row) for row in rows]


def open_phase(connection: Connection, import_id: int) -> int | None:
    """Return the first phase that has rows without an outcome, or None."""
    where = (import_rows.c.import_id == import_id, import_rows.c.state.in_(tuple(ROW_OPEN)))
    phase: int | None = connection.scalar(sa.select(sa.func.min(import_rows.c.phase)).where(*where))
    return phase


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many rows of an import are in each state, and how many were or will be created, updated and deleted."""

    by_state: Mapping[str, int] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def done(self) -> int:
        return self.by_state.get(RowState.DONE, 0)

    @property
    def unchanged(self) -> int:
        return self.by_state.get(RowState.UNCHANGED, 0)

    @property
    def failed(self) -> int:
        return self.by_state.get(RowState.FAILED, 0)

    @property
    def open(self) -> int:
        return self.total - self.done - self.unchanged - self.failed


def count_rows(connection: Connection, import_id: int) -> Counts:
    """Count an import's rows."""
    columns = (import_rows.c.state, import_rows.c.action, sa.func.count().label("many"))
    query = sa.select(*columns).where(import_rows.c.import_id == import_id)
    by_state: dict[str, int] = {}
    by_action: dict[str, int] = {}
    for row in connection.execute(query.group_by(import_rows.c.state, import_rows.c.action)):
        by_state[row.state] = by_state.get(row.state, 0) + row.many
        if row.state in {RowState.DONE, RowState.PLANNED, RowState.POSTING, RowState.UNSURE}:
            by_action[row.action] = by_action.get(row.action, 0) + row.many
    return Counts(
        by_state=by_state,
        created=by_action.get(RowAction.CREATE, 0),
        updated=by_action.get(RowAction.UPDATE, 0),
        deleted=by_action.get(RowAction.DELETE, 0),
    )


def failed_rows(engine: Engine, import_id: int) -> Iterator[ImportRow]:
    """Yield the failed rows in the order of the file."""
    where = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.FAILED)
    query = sa.select(import_rows).where(*where).order_by(import_rows.c.line, import_rows.c.id)
    with reading(engine) as connection, streaming(connection, query) as rows:
        yield from map(ImportRow.from_row, rows)
