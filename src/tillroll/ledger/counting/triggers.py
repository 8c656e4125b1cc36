"""The triggers that keep the counts, installed at the end of every migration: SQLite drops them when it rebuilds a table.

On PostgreSQL a trigger runs once a statement, with all the rows that it changed, and adds to the counts of its own server
process: nobody else writes those, so transactions that change the same run don't wait for each other. SQLite has one writer, and
runs them for each row. (https://www.postgresql.org/docs/current/plpgsql-trigger.html, https://sqlite.org/lang_createtrigger.html)
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from tillroll.ledger.counting.kept import KEPT, KeptCount

PREFIX = "kept_"
"""Of the names of all triggers of ours: those of the counts, and those of `ledger/captures/triggers.py`."""

_Wanted = tuple[str, tuple[str, ...]]
"""The text by which a trigger is known, and the statements that create it."""


def install_triggers(connection: Connection) -> bool:
    """Create the triggers that are missing or differ from what this version needs. Returns whether any did. Safe to repeat.

    One that is as it should be is left alone: creating it would wait for everybody who writes to its table.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    present = present_triggers(connection)
    has_changed = False
    for kept in KEPT:
        for name, (texts, statements) in (_sqlite if is_sqlite else _postgresql)(kept).items():
            if present.get(name) != texts:
                has_changed = True
                for statement in statements:
                    connection.exec_driver_sql(statement)
    return has_changed


def drop_triggers(connection: Connection) -> None:
    """Drop the triggers before a migration on SQLite, which can't rename a table while a trigger names one that is missing."""
    if connection.dialect.name == "sqlite":
        for name in present_triggers(connection):
            if name.startswith(PREFIX):
                connection.exec_driver_sql(f"drop trigger {name}")


_SQLITE_TEXTS = "select name, sql from sqlite_master where type = 'trigger'"
_POSTGRESQL_TEXTS = """
select t.tgname, p.prosrc from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_class c on c.oid = t.tgrelid
    where not t.tgisinternal and c.relnamespace = current_schema()::regnamespace"""


def present_triggers(connection: Connection) -> dict[str, str]:
    """Return the text of each trigger that the database has, by its name."""
    query = _SQLITE_TEXTS if connection.dialect.name == "sqlite" else _POSTGRESQL_TEXTS
    return {row[0]: row[1] for row in connection.exec_driver_sql(query)}


# -- SQLite


def _sqlite(kept: KeptCount) -> dict[str, _Wanted]:
    moved = " or ".join(f"old.{name} is not new.{name}" for name in kept.moved_by)
    cases = (
        ("insert", "insert", "", (("new", 1),)),
        ("delete", "delete", "", (("old", -1),)),
        ("update", f"update of {', '.join(kept.moved_by)}", f" when {moved}", (("old", -1), ("new", 1))),
    )
    wanted: dict[str, _Wanted] = {}
    for case, event, when, moves in cases:
        name = f"{PREFIX}{kept.name}_{case}"
        body = " ".join(_sqlite_move(kept, row, sign) for row, sign in moves)
        text = f"CREATE TRIGGER {name} after {event} on {kept.of.name} for each row{when} begin {body} end"
        wanted[name] = (text, (f"drop trigger if exists {name}", text))
    return wanted


def _sqlite_move(kept: KeptCount, row: str, sign: int) -> str:
    values = [expression.format(row=row) for expression in kept.keys.values()]
    amounts = [f"{sign} * {expression.format(row=row)}" for _, expression in kept.sums]
    columns = ", ".join(kept.columns)
    given = ", ".join((*values, "0", str(sign), *amounts))
    only = kept.only.format(row=row) or "true"  # the parser needs a condition between SELECT and ON CONFLICT
    return f"insert into {kept.into.name} ({columns}) select {given} where {only} {kept.on_conflict};"


# -- PostgreSQL


def _postgresql(kept: KeptCount) -> dict[str, _Wanted]:
    function, table = f"{PREFIX}{kept.name}", kept.of.name
    body = _function(kept)
    replace = f"create or replace function {function}() returns trigger language plpgsql as $${body}$$"
    tables = {
        "insert": "new table as new_rows",
        "delete": "old table as old_rows",
        "update": "old table as old_rows new table as new_rows",
    }
    wanted: dict[str, _Wanted] = {}
    for event, rows in tables.items():
        name = f"{function}_{event}"
        create = (
            f"create or replace trigger {name} after {event} on {table} referencing {rows}"
            f" for each statement execute function {function}()"
        )
        wanted[name] = (body, (replace, create))
    return wanted


def _function(kept: KeptCount) -> str:
    new, old = _postgresql_moves(kept, "new_rows", 1), _postgresql_moves(kept, "old_rows", -1)
    cases = {"INSERT": new, "DELETE": old, "UPDATE": f"{new} union all {old}"}
    inserts = [
        f"if tg_op = '{event}' then {_postgresql_insert(kept, moves)} end if;"
        for event, moves in cases.items()
    ]
    return f"begin {' '.join(inserts)} return null; end"


def _postgresql_moves(kept: KeptCount, rows: str, sign: int) -> str:
    keys = [f"{expression.format(row='r')} as {name}" for name, expression in kept.keys.items()]
    amounts = [f"{sign} * {expression.format(row='r')} as {name}" for name, expression in kept.sums]
    given = ", ".join((*keys, f"{sign} as n", *amounts))
    where = f" where {kept.only.format(row='r')}" if kept.only else ""
    return f"select {given} from {rows} as r{where}"  # noqa: S608 - names of ours


def _postgresql_insert(kept: KeptCount, moves: str) -> str:
    """Return the statement that adds what the rows change. In one order, and only counts of this server process."""
    keys = ", ".join(kept.keys)
    columns = ", ".join(kept.columns)
    sums = ", ".join(f"sum({name})" for name in kept.shares)
    some = " or ".join(f"sum({name}) <> 0" for name in kept.shares)
    return (
        f"insert into {kept.into.name} ({columns}) select {keys}, pg_backend_pid(), {sums}"  # noqa: S608 - names of ours
        f" from ({moves}) as moved group by {keys} having {some} {kept.on_conflict};"
    )
