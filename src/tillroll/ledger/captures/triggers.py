"""The triggers that record changes as events for a CRM, installed at the end of every migration as those of the counts are.

On PostgreSQL one runs once a statement, and looks first whether any store has such a feed. On SQLite it runs for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy.engine import Connection

from tillroll.ledger.captures.changes import CAPTURES, Capture
from tillroll.ledger.counting.triggers import PREFIX, present_triggers

EVENT_COLUMNS = "store_id, kind, change, subject, person, customer_id, email, facts"


def install_captures(connection: Connection) -> None:
    """Create the triggers that are missing or differ from what this version needs. Safe to repeat."""
    present = present_triggers(connection)
    for captures in _by_trigger():
        name, text, statements = (_sqlite if connection.dialect.name == "sqlite" else _postgresql)(captures)
        if present.get(name) != text:
            for statement in statements:
                connection.exec_driver_sql(statement)


def _by_trigger() -> list[list[Capture]]:
    """Return the captures of each table and event together: only within one trigger does SQLite keep an order."""
    found: dict[tuple[str, str], list[Capture]] = {}
    for capture in CAPTURES:
        found.setdefault((capture.of.name, capture.on), []).append(capture)
    return list(found.values())


def _name(captures: Sequence[Capture]) -> str:
    return f"{PREFIX}crm_{captures[0].of.name}_{captures[0].on}"


def event_query(capture: Capture, dialect: str, *, new: str, old: str, rows: str, where: str) -> str:
    """Return the SELECT of a capture's events, in the order of `EVENT_COLUMNS`, from `rows` in which `new` and `old` are rows."""
    is_sqlite = dialect == "sqlite"

    def sql(expression: str) -> str:
        return expression.format(n=new, o=old, differs="is not" if is_sqlite else "is distinct from")

    pairs = ", ".join(f"'{name}', {sql(expression)}" for name, expression in capture.facts.items())
    facts = f"json_object({pairs})" if is_sqlite else f"json_build_object({pairs})"
    customer, row = sql(capture.customer), sql(capture.row)
    person = f"coalesce(cast({customer} as text), {sql(capture.nobody)})"
    values = (
        f"{row}.store_id, '{capture.kind}', {sql(capture.change)}, {sql(capture.subject)}, {person}, {customer}, "
        f"{sql(capture.email)}, {facts}"
    )
    conditions = " and ".join(
        filter(None, (_differs(capture, sql), f"({sql(capture.change)}) is not null", where))
    )
    return f"select {values} {rows} where {conditions}"


def _differs(capture: Capture, sql: Callable[[str], str]) -> str:
    if capture.on != "update":
        return ""
    return "(" + " or ".join(sql(f"{{o}}.{name} {{differs}} {{n}}.{name}") for name in capture.watched) + ")"


_Wanted = tuple[str, str, Iterable[str]]
"""A trigger's name, the text by which it is known, and the statements that create it."""


def _sqlite(captures: Sequence[Capture]) -> _Wanted:
    name, on = _name(captures), captures[0].on
    row = "old" if on == "delete" else "new"
    watched = sorted({column for capture in captures for column in capture.watched})
    columns = f" of {', '.join(watched)}" if on == "update" else ""
    inserts = [
        f"insert into crm_events ({EVENT_COLUMNS}) "
        + event_query(capture, "sqlite", new="new", old="old", rows="", where=_feed(row, capture))
        for capture in captures
    ]
    when = _any_feed(row)
    text = (
        f"CREATE TRIGGER {name} after {on}{columns} on {captures[0].of.name} for each row"
        f" when {when} begin {'; '.join(inserts)}; end"
    )
    return name, text, (f"drop trigger if exists {name}", text)


def _any_feed(row: str) -> str:
    return f"exists (select 1 from crm_feeds where store_id = {row}.store_id)"  # noqa: S608 - names of ours


def _feed(row: str, capture: Capture) -> str:
    """Return the condition that a row's store has the feed of a capture."""
    return f"exists (select 1 from crm_feeds as f where f.store_id = {row}.store_id and f.kind = '{capture.kind}')"  # noqa: S608


_TABLES = {
    "insert": "new table as new_rows",
    "delete": "old table as old_rows",
    "update": "old table as old_rows new table as new_rows",
}


def _postgresql(captures: Sequence[Capture]) -> _Wanted:
    name, on = _name(captures), captures[0].on
    body = f"begin {' '.join(map(_postgresql_insert, captures))} return null; end"
    replace = f"create or replace function {name}() returns trigger language plpgsql as $${body}$$"
    create = (
        f"create or replace trigger {name} after {on} on {captures[0].of.name} referencing {_TABLES[on]}"
        f" for each statement execute function {name}()"
    )
    return name, body, (replace, create)


def _postgresql_insert(capture: Capture) -> str:
    keys = [column.name for column in capture.of.primary_key.columns]
    same = " and ".join(f"n.{key} = o.{key}" for key in keys)
    rows = {
        "insert": "from new_rows as n",
        "delete": "from old_rows as o",
        "update": f"from new_rows as n join old_rows as o on {same}",
    }[capture.on]
    row = "o" if capture.on == "delete" else "n"
    query = event_query(capture, "postgresql", new="n", old="o", rows=rows, where=_feed(row, capture))
    ordered = f"{query} order by {', '.join(f'{row}.{key}' for key in keys)}"
    return (
        f"if exists (select 1 from crm_feeds where kind = '{capture.kind}') then"  # noqa: S608 - names of ours
        f" insert into crm_events ({EVENT_COLUMNS}) {ordered}; end if;"
    )
