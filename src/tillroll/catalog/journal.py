"""The journal: imports and their rows in the ledger. Every state is written where the state that was read still stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.catalog.decide import ROW_OPEN, Action, Counts, Decision, ImportState, RowState
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.read import FileRow
from tillroll.catalog.shape import to_journal
from tillroll.errors import Conflict
from tillroll.ledger import audit
from tillroll.ledger.engine import one, reading, streaming, writing
from tillroll.ledger.lane import lane
from tillroll.ledger.tables import import_rows, imports

IMPORT, UNDO = "import", "undo"
PIECE = 1_000
_T = TypeVar("_T")


def pieces(many: Iterable[_T], size: int = PIECE) -> Iterator[list[_T]]:
    """A few at a time."""
    iterator = iter(many)
    while piece := list(islice(iterator, size)):
        yield piece


@contextmanager
def only_import(engine: Engine, store_id: int) -> Iterator[None]:
    """Hold the store's import lock for the block; `Conflict` when another process is importing."""
    with lane(engine, store_id, name="import") as held:
        if not held:
            raise Conflict(
                "Another import or undo is running for this store.",
                hint="Wait until it has ended; see how far it is with: tillroll catalog status",
            )
        yield


def load(connection: Connection, import_id: int) -> sa.Row[Any]:
    """An import's row; `NotFound` when there is none."""
    return one(
        connection,
        sa.select(imports).where(imports.c.id == import_id),
        missing=f"There is no journal {import_id}. See: tillroll catalog status",
    )


def unfinished(connection: Connection, store_id: int) -> sa.Row[Any] | None:
    """The store's import or undo that isn't over, if there is one."""
    where = (imports.c.store_id == store_id, imports.c.state != ImportState.DONE)
    return connection.execute(sa.select(imports).where(*where).order_by(imports.c.id)).first()


def newest(connection: Connection, store_id: int, limit: int) -> list[sa.Row[Any]]:
    """The store's latest imports and undos, newest first."""
    query = sa.select(imports).where(imports.c.store_id == store_id)
    return list(connection.execute(query.order_by(imports.c.id.desc()).limit(limit)))


def begin(room: Catalogue, *, kind: str, file: str, digest: str, person: str, **also: Any) -> int:
    """Write a new import down, with its row of the audit."""
    now = room.clock.now()
    values = {
        "store_id": room.store_id,
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
    with writing(room.engine) as connection:
        insert = sa.insert(imports).values(values).returning(imports.c.id)
        import_id: int = connection.execute(insert).scalar_one()
        _record(connection, import_id, kind, "begun", person, now, {"file": file, "digest": digest, **also})
    return import_id


def move(room: Catalogue, import_id: int, *, was: ImportState, to: ImportState) -> None:
    """Write an import's next state if it still is in the one it was seen in."""
    with writing(room.engine) as connection:
        where = (imports.c.id == import_id, imports.c.state == was)
        connection.execute(sa.update(imports).where(*where).values(state=to, changed_at=room.clock.now()))


def finish(room: Catalogue, import_id: int) -> None:
    """The import is over: every row has its outcome."""
    now = room.clock.now()
    with writing(room.engine) as connection:
        found = load(connection, import_id)
        where = (imports.c.id == import_id, imports.c.state == ImportState.APPLYING)
        values = {"state": ImportState.DONE, "changed_at": now, "finished_at": now}
        if connection.execute(sa.update(imports).where(*where).values(values)).rowcount == 1:
            tally = counts(connection, import_id)
            body = {"done": tally.done, "unchanged": tally.unchanged, "failed": tally.failed}
            _record(connection, import_id, found.kind, "ended", found.person, now, body)


def _record(
    connection: Connection,
    import_id: int,
    kind: str,
    what: str,
    person: str,
    now: datetime,
    body: Mapping[str, Any],
) -> None:
    action, subject = f"catalog.{kind}.{what}", f"import {import_id}"
    audit.record(connection, at=now, actor=person, action=action, subject=subject, body=body)


def forget_rows(room: Catalogue, import_id: int) -> None:
    """Begin reading anew: an import that died while it read has sent nothing."""
    with writing(room.engine) as connection:
        connection.execute(sa.delete(import_rows).where(import_rows.c.import_id == import_id))


def add_rows(room: Catalogue, import_id: int, found: Iterable[Mapping[str, Any]]) -> None:
    """Journal rows, some at a time. All carry the same columns."""
    for piece in pieces(found):
        now = room.clock.now()
        with writing(room.engine) as connection:
            values = [{**row, "import_id": import_id, "changed_at": now} for row in piece]
            connection.execute(sa.insert(import_rows), values)


def from_file(row: FileRow) -> dict[str, Any]:
    """A row of the file as the journal first has it."""
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


def decided(row_id: int, decision: Decision, **also: Any) -> dict[str, Any]:
    """What a decision writes to its row; for `write`."""
    values: dict[str, Any] = {"state": decision.state, "action": decision.action, "reason": decision.reason}
    if decision.old is not None:
        values["old"] = to_journal(decision.old)
    if decision.wanted is not None:
        values["wanted"] = to_journal(decision.wanted)
    return {"id": row_id, **values, **also}


def write(
    connection: Connection, changes: Sequence[Mapping[str, Any]], *, was: RowState | None, now: datetime
) -> None:
    """Write rows that are still in the state they were seen in; each of `changes` has the row's id and new values."""
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


def rows_where(connection: Connection, *where: sa.ColumnElement[bool], limit: int = 0) -> list[sa.Row[Any]]:
    """Rows in the file's order."""
    query = sa.select(import_rows).where(*where).order_by(import_rows.c.id)
    return list(connection.execute(query.limit(limit) if limit else query))


def open_phase(connection: Connection, import_id: int) -> int | None:
    """The first phase with rows that have no outcome yet, or None."""
    where = (import_rows.c.import_id == import_id, import_rows.c.state.in_(tuple(ROW_OPEN)))
    phase: int | None = connection.scalar(sa.select(sa.func.min(import_rows.c.phase)).where(*where))
    return phase


def counts(connection: Connection, import_id: int) -> Counts:
    """How many rows stand where."""
    columns = (import_rows.c.state, import_rows.c.action, sa.func.count().label("many"))
    query = sa.select(*columns).where(import_rows.c.import_id == import_id)
    by_state: dict[str, int] = {}
    doing: dict[str, int] = {}
    for row in connection.execute(query.group_by(import_rows.c.state, import_rows.c.action)):
        by_state[row.state] = by_state.get(row.state, 0) + row.many
        if row.state in {RowState.DONE, RowState.PLANNED, RowState.POSTING, RowState.UNSURE}:
            doing[row.action] = doing.get(row.action, 0) + row.many
    return Counts(
        by_state=by_state,
        created=doing.get(Action.CREATE, 0),
        updated=doing.get(Action.UPDATE, 0),
        deleted=doing.get(Action.DELETE, 0),
    )


def failures(engine: Engine, import_id: int) -> Iterator[sa.Row[Any]]:
    """The rows that failed, in the file's order."""
    where = (import_rows.c.import_id == import_id, import_rows.c.state == RowState.FAILED)
    query = sa.select(import_rows).where(*where).order_by(import_rows.c.line, import_rows.c.id)
    with reading(engine) as connection, streaming(connection, query) as found:
        yield from found
