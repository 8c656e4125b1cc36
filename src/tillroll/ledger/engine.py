"""Opening the database, and the two ways to use it: `reading` and `writing`.

SQLite runs in WAL mode with foreign keys on, a busy timeout, and full synchronisation (an intent that a power cut could
take back would let a message go twice). A writing transaction on SQLite takes the write lock at once: a transaction that
reads first and writes later could find the lock gone and fail without waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from tillroll.clock import SystemClock
from tillroll.errors import Misconfigured, NotFound
from tillroll.ledger import tables

_BUSY_SECONDS = 30
_KEPT = 5  # connections that stay open
_LAIN = 2.0  # seconds
_USED = "tillroll_used"
_WRITE = "tillroll_write"


def ledger_url(text: str) -> URL:
    """The database's address as SQLAlchemy wants it; Heroku's `postgres://` form and plain `postgresql://` are understood."""
    try:
        url = make_url(text)
    except (sa.exc.ArgumentError, ValueError) as fault:  # the second: a port that is no number
        raise Misconfigured(
            "DATABASE_URL is not a database address.",
            hint="Write it like sqlite:///var/tillroll.sqlite3 or postgresql://user:password@host/name",
        ) from fault
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in {"sqlite", "sqlite+pysqlite"} and url.database not in {None, "", ":memory:"}:
        return url
    raise Misconfigured(
        f"Tillroll keeps its ledger in an SQLite file or in PostgreSQL, not in {url.drivername}.",
        hint="Set DATABASE_URL like sqlite:///var/tillroll.sqlite3 or postgresql://user:password@host/name",
    )


def open_engine(text: str, *, connections: int = 15) -> Engine:
    """An engine on the ledger; the database is really opened, so that a wrong address is told now.

    `connections`: the most that are open at a time; they are opened as they are needed, and a few are kept.
    """
    url = ledger_url(text)
    try:
        engine = (
            _sqlite(url, connections) if url.get_backend_name() == "sqlite" else _postgresql(url, connections)
        )
        with engine.connect() as connection:
            connection.execute(sa.text("select 1"))
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as fault:
        raise Misconfigured(
            f"The database {_shown(url)} can't be opened: {_cause(fault)}",
            hint="Check DATABASE_URL, and that the folder can be written to."
            if url.get_backend_name() == "sqlite"
            else "Check DATABASE_URL, and that the server runs.",
        ) from fault
    return engine


def _shown(url: URL) -> str:
    """An address as its owner writes it, without the password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _cause(fault: Exception) -> str:
    """The driver's own words, one line."""
    original = getattr(fault, "orig", None) or fault
    return "; ".join(" ".join(line.split()) for line in str(original).splitlines() if line.strip())


def _sqlite(url: URL, connections: int) -> Engine:
    Path(str(url.database)).resolve().parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, **_pool(connections))

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql(url: URL, connections: int) -> Engine:
    import psycopg  # only PostgreSQL has it, and it loads slowly

    engine = sa.create_engine(url, connect_args={"connect_timeout": 10}, **_pool(connections))
    clock = SystemClock()

    @sa.event.listens_for(engine, "checkin")
    def _note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = clock.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _try(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """A connection that has lain for a while may be dead; one in steady use isn't asked at every turn."""
        if clock.monotonic() - record.info.get(_USED, -_LAIN) < _LAIN:
            return
        try:
            connection.execute("select 1")
            connection.rollback()
        except psycopg.Error as fault:
            raise sa.exc.DisconnectionError from fault  # the pool opens another

    return engine


def _pool(connections: int) -> dict[str, int]:
    return {"pool_size": _KEPT, "max_overflow": max(0, connections - _KEPT)}


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read with: one consistent moment on SQLite, nothing is written."""
    with engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: everything in the block is committed together, or nothing. Never hold it across the network."""
    with engine.connect().execution_options(**{_WRITE: True}) as connection, connection.begin():
        yield connection


def insert_new(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows that break no unique rule and pass over the others. Who must know how many went in counts after."""
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def insert_if_new(connection: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert one row unless it breaks a unique rule; whether it went in."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(table).on_conflict_do_nothing().values(row).returning(*table.primary_key.columns)
    )
    return connection.execute(statement).first() is not None


def number_from(connection: Connection, table: sa.Table) -> None:
    """Have the next row numbered after those that are there: some were written with numbers of their own."""
    if connection.dialect.name == "postgresql":
        last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, "id")
        connection.execute(sa.select(sa.func.setval(sequence, last)).where(last.is_not(None)))


def upsert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or bring those whose primary key exists up to date. All rows carry the same columns."""
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    keys = [column.name for column in table.primary_key.columns]
    statement = dialect.insert(table)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)


@contextmanager
def streaming(
    connection: Connection, query: sa.Select[Any], *, piece: int = 5_000
) -> Iterator[sa.CursorResult[Any]]:
    """A query's rows a piece at a time, in flat memory; the cursor is closed with the block, however it ends."""
    with connection.execute(query, execution_options={"yield_per": piece}) as result:
        yield result


def take_turn(connection: Connection, store_id: int) -> None:
    """Hold the store's row for the rest of the transaction: what is decided about its money is decided by one at a time."""
    connection.execute(
        sa.update(tables.stores).where(tables.stores.c.id == store_id).values(turn=tables.stores.c.turn + 1)
    )


def one(connection: Connection, statement: sa.Select[Any], *, missing: str) -> sa.Row[Any]:
    """The one row of a query, or `NotFound` saying what is missing."""
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound(missing)
    return row
