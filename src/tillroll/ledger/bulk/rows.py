"""Thousands of rows at once, each database in its own fast way, behind one interface.

SQLite takes tuples through its driver (`executemany`); PostgreSQL takes `COPY`, or arrays that it unnests where rows may violate
a unique constraint. Rows sorted by their unique key are inserted more than twice as fast. All of it is part of the caller's
transaction. This module imports psycopg, whichever database there is: installations on SQLite have it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

Rows = Sequence[tuple[Any, ...]]
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def add_many(
    connection: Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Rows,
    *,
    same: Mapping[str, Any] | None = None,
) -> int:
    """Insert rows and skip those that violate a unique constraint. Returns how many were inserted.

    `columns` names the values in each tuple of `rows`; `same` holds the columns that are equal in all rows.
    """
    if not rows:
        return 0
    same = same or {}
    columns, rows = _without_nothing(columns, rows)
    bound = _bound(connection, table, columns, rows)
    alike = _alike(connection, table, same)
    if connection.dialect.name == "sqlite":
        return _add_sqlite(connection, table, (*columns, *same), [(*row, *alike) for row in bound])
    names = (*columns, *same)
    try:
        with connection.begin_nested():
            return _copy(connection, table, names, copied(bound, alike))
    except psycopg.errors.UniqueViolation:  # rare: retry with ON CONFLICT
        return _add_unnested(connection, table, columns, bound, same, alike)


def change_many(
    connection: Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Rows,
    *,
    same: Mapping[str, Any] | None = None,
    where: Mapping[str, Any] | None = None,
    counted: Sequence[str] = (),
) -> int:
    """Update columns of rows by their id, which comes first in each tuple. Returns how many were updated.

    `same` is written to all rows, and the columns in `counted` grow by one. `where` is what a row must still hold
    (compare-and-set), or it is skipped; None there means that the column must be null.
    """
    if not rows:
        return 0
    same, where = same or {}, where or {}
    bound = _bound(connection, table, ("id", *columns), rows)
    alike, held = _alike(connection, table, same), _alike(connection, table, where)
    given = tuple(value for value in held if value is not None)
    if connection.dialect.name == "sqlite":
        sets = ", ".join(
            [f"{name} = ?" for name in (*columns, *same)] + [f"{name} = {name} + 1" for name in counted]
        )
        still = "".join(f" AND {name} {_is(value, '?')}" for name, value in zip(where, held, strict=True))
        statement = f"UPDATE {table.name} SET {sets} WHERE id = ?{still}"  # noqa: S608 - names are the tables' own
        values = [(*row[1:], *alike, row[0], *given) for row in bound]
        return connection.exec_driver_sql(statement, values).rowcount
    sets = ", ".join(
        [f"{name} = v.{name}" for name in columns]
        + [f"{name} = %s" for name in same]
        + [f"{name} = {table.name}.{name} + 1" for name in counted]
    )
    still = "".join(
        f" AND {table.name}.{name} {_is(value, '%s')}" for name, value in zip(where, held, strict=True)
    )
    arrays = _arrays(connection, table, ("id", *columns))
    statement = (
        f"UPDATE {table.name} SET {sets} FROM unnest({arrays}) AS v(id, {', '.join(columns)})"  # noqa: S608 - as above
        if columns
        else f"UPDATE {table.name} SET {sets} FROM unnest({arrays}) AS v(id)"  # noqa: S608 - as above
    )
    turned = [list(column) for column in zip(*bound, strict=True)]
    done = connection.exec_driver_sql(
        f"{statement} WHERE {table.name}.id = v.id{still}", (*alike, *turned, *given)
    )
    return done.rowcount


def _is(value: Any, mark: str) -> str:
    return "IS NULL" if value is None else f"= {mark}"


def _add_sqlite(connection: Connection, table: sa.Table, names: Sequence[str], rows: Rows) -> int:
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - as above
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def _copy(connection: Connection, table: sa.Table, names: Sequence[str], text: str) -> int:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"COPY goes through psycopg, not through {type(driver).__name__}")
    statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
        psycopg.sql.Identifier(table.name),
        psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, names)),
    )
    with driver.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(text)
        return cursor.rowcount


def copied(rows: Rows, alike: Sequence[Any]) -> str:
    """Return rows as COPY reads them, with the values that all of them share at their end.

    It works on whole columns: a call for each row would cost more than all the rest. The format:
    https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
    """
    ends = "".join(f"\t{_field(value)}" for value in alike) + "\n"
    columns = [list(map(_field, column)) for column in zip(*rows, strict=True)]
    return ends.join(map("\t".join, zip(*columns, strict=True))) + ends


def _field(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_ESCAPED)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | Decimal):  # PostgreSQL reads Python's True and False too
        return str(value)
    raise TypeError(f"there is no way to write a {type(value).__name__} for COPY")


def _add_unnested(
    connection: Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Rows,
    same: Mapping[str, Any],
    alike: tuple[Any, ...],
) -> int:
    types = {name: _type(connection, table, name) for name in same}
    constants = "".join(f", %s::{types[name]}" for name in same)
    statement = (
        f"INSERT INTO {table.name} ({', '.join((*columns, *same))})"  # noqa: S608 - as above
        f" SELECT v.*{constants} FROM unnest({_arrays(connection, table, columns)}) AS v ON CONFLICT DO NOTHING"
    )
    turned = [list(column) for column in zip(*rows, strict=True)]
    return connection.exec_driver_sql(statement, (*alike, *turned)).rowcount


def _arrays(connection: Connection, table: sa.Table, columns: Sequence[str]) -> str:
    return ", ".join(f"%s::{_type(connection, table, name)}[]" for name in columns)


def _type(connection: Connection, table: sa.Table, name: str) -> str:
    return str(table.c[name].type.compile(dialect=connection.dialect))


def _without_nothing(columns: Sequence[str], rows: Rows) -> tuple[Sequence[str], Rows]:
    """Leave out the columns that are null in every row."""
    empty = {place for place, value in enumerate(rows[0]) if value is None}
    empty = {place for place in empty if all(row[place] is None for row in rows)}
    if not empty:
        return columns, rows
    kept = [place for place in range(len(columns)) if place not in empty]
    return [columns[place] for place in kept], [tuple(row[place] for place in kept) for row in rows]


def _bound(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Rows) -> Rows:
    """Return the rows with values as the driver takes them; the rows themselves if no column needs a conversion.

    The same few moments and amounts occur again and again, so each is converted once.
    """
    binders = [_binder(connection, table, name) for name in columns]
    if not any(binders):
        return rows
    turned = list(zip(*rows, strict=True))
    for place, binder in enumerate(binders):
        if binder is not None:
            known = {value: binder(value) for value in set(turned[place])}
            turned[place] = tuple(map(known.__getitem__, turned[place]))
    return list(zip(*turned, strict=True))


def _alike(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_driven(value, _binder(connection, table, name)) for name, value in values.items())


def _driven(value: Any, binder: Callable[[Any], Any] | None) -> Any:
    plain = value.value if isinstance(value, Enum) else value
    return binder(plain) if binder is not None else plain


def _binder(connection: Connection, table: sa.Table, name: str) -> Callable[[Any], Any] | None:
    """Return the function that converts a column's values for the driver; None if the driver takes them as they are."""
    kind = table.c[name].type
    return kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
