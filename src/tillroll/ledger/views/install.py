"""Creating the views, at the end of every migration.

SQLite changes a table by copying and renaming it, and refuses that while a view reads the table. So the views are dropped before
a migration there, and created again after it (https://sqlite.org/lang_altertable.html). On PostgreSQL they are replaced where
they are, which keeps who may read them and what others have built upon them. Columns are only added at the end, since PostgreSQL
replaces a view in no other way (https://www.postgresql.org/docs/current/sql-createview.html).
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy.engine import Connection

from tillroll.ledger.views.definitions import REPORT_VIEWS, ColumnKind, ReportView, ViewColumn

_SQLITE_TEXTS = "select name, sql from sqlite_master where type = 'view'"
_POSTGRESQL_DIGESTS = """
select c.relname, obj_description(c.oid, 'pg_class') from pg_class c
    where c.relkind = 'v' and c.relnamespace = current_schema()::regnamespace"""

_SQLITE_CASTS = {
    ColumnKind.TEXT: "cast({0} as text)",
    ColumnKind.NUMBER: "cast({0} as integer)",
    ColumnKind.AMOUNT: "cast({0} / 10000.0 as real)",
    ColumnKind.MOMENT: "cast({0} as text)",
    ColumnKind.DAY: "cast({0} as text)",
}
_POSTGRESQL_CASTS = {
    ColumnKind.TEXT: "cast({0} as text)",
    ColumnKind.NUMBER: "cast({0} as bigint)",
    ColumnKind.AMOUNT: "cast({0} / 10000.0 as numeric(19, 4))",
    ColumnKind.MOMENT: "cast({0} as timestamp with time zone)",
    ColumnKind.DAY: "cast({0} as date)",
}


def install_views(connection: Connection) -> None:
    """Create the views that are missing or differ from what this version needs. Safe to repeat.

    One that is as it should be is left alone: replacing it would wait for everybody who reads it.
    """
    if connection.dialect.name == "sqlite":
        present = {row[0]: row[1] for row in connection.exec_driver_sql(_SQLITE_TEXTS)}
        for view in REPORT_VIEWS:
            text = f"CREATE VIEW {view.name} as {_select(view, _SQLITE_CASTS)}"
            if present.get(view.name) != text:
                connection.exec_driver_sql(f"drop view if exists {view.name}")
                connection.exec_driver_sql(text)
        return
    present = {row[0]: row[1] for row in connection.exec_driver_sql(_POSTGRESQL_DIGESTS)}
    for view in REPORT_VIEWS:
        select = _select(view, _POSTGRESQL_CASTS)
        digest = f"Tillroll, docs/views.md ({sha256(select.encode()).hexdigest()[:16]})"
        if present.get(view.name) != digest:
            connection.exec_driver_sql(f"create or replace view {view.name} as {select}")
            connection.exec_driver_sql(f"comment on view {view.name} is '{digest}'")


def drop_views(connection: Connection) -> None:
    """Drop the views before a migration on SQLite."""
    if connection.dialect.name == "sqlite":
        for view in REPORT_VIEWS:
            connection.exec_driver_sql(f"drop view if exists {view.name}")


def _select(view: ReportView, casts: dict[ColumnKind, str]) -> str:
    columns = ", ".join(_column(column, casts) for column in view.columns)
    return f"select {columns} from {view.source}"  # noqa: S608 - names of ours


def _column(column: ViewColumn, casts: dict[ColumnKind, str]) -> str:
    return f"{casts[column.kind].format(column.source)} as {column.name}"
