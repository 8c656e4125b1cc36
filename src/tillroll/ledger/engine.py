"""Opening the database, and the two ways to use it: `reading` and `writing`.

SQLite runs in WAL mode with foreign keys on, a busy timeout, and full synchronisation (if a power cut undid an intent, a message
could leave twice). A writing transaction on SQLite takes the write lock at once: one that reads first and writes later would
fail at once if somebody else wrote in between.
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
_LINK: dict[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
"""How PostgreSQL's client notices, within half a minute, that the server's machine is gone (libpq's parameter key words)."""

_LAIN = 2.0  # seconds
_HIDING = {"hide_parameters": True}  # they are codes and addresses, and errors are logged
_PRIMARY_CODE = 0xFF  # of an SQLite error; the other bits say more
_USED = "tillroll_used"
_WRITE = "tillroll_write"


def ledger_url(text: str) -> URL:
    """Return the database's address for SQLAlchemy. Heroku's `postgres://` and plain `postgresql://` are understood.

    Raises `Misconfigured` for anything but PostgreSQL or an SQLite file.
    """
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


def open_engine(text: str, *, connections: int = 15, answer_within: float | None = None) -> Engine:
    """Open the ledger. Connects once, so that a wrong address raises `Misconfigured` here.

    `connections` is the most that are open at a time. They are opened when needed, and a few are kept. `answer_within`: how many
    seconds a statement may wait for the database, be it locked or frozen; None where statements may take long.
    """
    url = ledger_url(text)
    try:
        if url.get_backend_name() == "sqlite":
            engine = _sqlite(url, connections, answer_within or _BUSY_SECONDS)
        else:
            engine = _postgresql(url, connections, answer_within)
        with engine.connect() as connection:
            connection.execute(sa.text("select 1"))
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as fault:
        cause = fault if _may_pass(url, fault) else None  # what caused it says whether it may pass
        raise Misconfigured(
            f"The database {_shown(url)} can't be opened: {_cause(fault)}",
            hint="Check DATABASE_URL, and that the folder can be written to."
            if url.get_backend_name() == "sqlite"
            else "Check DATABASE_URL, and that the server runs.",
        ) from cause
    return engine


def _may_pass(url: URL, fault: Exception) -> bool:
    """Return whether a database that can't be opened may open later: it is away, and its address is not at fault.

    PostgreSQL's driver gives no code for a connection that failed. A server that accepts connections, but not this one, refuses
    its password, its user or the database's name.
    """
    if url.get_backend_name() == "sqlite":
        code = getattr(getattr(fault, "orig", fault), "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN)
        return code & 0xFF != sqlite3.SQLITE_CANTOPEN
    from psycopg import pq  # only PostgreSQL needs it, and it loads slowly
    from psycopg.conninfo import make_conninfo

    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    answer = pq.PGconn.ping(make_conninfo(address, connect_timeout=3).encode())
    return answer in {pq.Ping.REJECT, pq.Ping.NO_RESPONSE}


def _shown(url: URL) -> str:
    """Return an address as its owner writes it, without the password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _cause(fault: Exception) -> str:
    """Return the driver's own message on one line."""
    original = getattr(fault, "orig", None) or fault
    return "; ".join(" ".join(line.split()) for line in str(original).splitlines() if line.strip())


def _sqlite(url: URL, connections: int, busy_seconds: float) -> Engine:
    Path(str(url.database)).resolve().parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": busy_seconds}, **_HIDING, **_pool(connections))

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={round(busy_seconds * 1000)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "handle_error")
    def _reopen(context: sa.engine.ExceptionContext) -> None:
        """Give up a connection that was opened while the file was read-only: it stays so after the file is not."""
        code = getattr(context.original_exception, "sqlite_errorcode", 0)
        if code & _PRIMARY_CODE == sqlite3.SQLITE_READONLY:
            context.is_disconnect = True

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql(url: URL, connections: int, answer_within: float | None) -> Engine:
    import psycopg  # only PostgreSQL needs it, and it loads slowly

    from tillroll.ledger.bounded import bounded

    engine = sa.create_engine(url, connect_args=dict(_LINK), **_HIDING, **_pool(connections))
    clock = SystemClock()
    kind = psycopg.Connection if answer_within is None else bounded(answer_within)

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, words: Any, options: Any) -> Any:
        connection = kind.connect(*words, **options)
        connection.execute(_DURABLE)
        connection.commit()
        return connection

    @sa.event.listens_for(engine, "checkin")
    def _note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = clock.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _try(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Test a connection that was idle for a while, since it may be dead. One in steady use is not tested."""
        if clock.monotonic() - record.info.get(_USED, -_LAIN) < _LAIN:
            return
        try:
            connection.execute("select 1")
            connection.rollback()
        except psycopg.Error as fault:
            raise sa.exc.DisconnectionError from fault  # the pool opens another

    return engine


_DURABLE = (
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
)
"""A server that reports a commit before it is on disk may forget, in a crash, that an e-mail was about to leave."""


def _pool(connections: int) -> dict[str, int]:
    return {"pool_size": _KEPT, "max_overflow": max(0, connections - _KEPT)}


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to read with: on SQLite, a snapshot of one moment. Nothing is written."""
    with engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection with a transaction: everything in the block is committed together, or nothing.

    Never make a network call inside it.
    """
    with engine.connect().execution_options(**{_WRITE: True}) as connection, connection.begin():
        yield connection


def ping(engine: Engine) -> None:
    """Ask the database for an answer. Raises `SQLAlchemyError` if there is none."""
    with reading(engine) as connection:
        connection.execute(sa.text("select 1"))


def touch(engine: Engine) -> None:
    """Write something, and change nothing: a database that can be read may still be full, locked or read-only."""
    with writing(engine) as connection:
        connection.execute(sa.text("update alembic_version set version_num = version_num"))


def insert_new(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows that violate no unique constraint and skip the others. It does not tell how many were inserted."""
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def insert_if_new(connection: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert one row unless it violates a unique constraint. Returns whether it was inserted."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(table).on_conflict_do_nothing().values(row).returning(*table.primary_key.columns)
    )
    return connection.execute(statement).first() is not None


def restart_numbering(connection: Connection, table: sa.Table) -> None:
    """Number the next row after the existing ones, some of which were inserted with numbers of their own."""
    if connection.dialect.name == "postgresql":
        last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, "id")
        connection.execute(sa.select(sa.func.setval(sequence, last)).where(last.is_not(None)))


def upsert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, and update those whose primary key exists. All rows have the same columns."""
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
    """Yield a query's rows, of which only a piece is in memory at a time. The cursor is closed with the block."""
    with connection.execute(query, execution_options={"yield_per": piece}) as result:
        yield result


def lock_store_row(connection: Connection, store_id: int) -> None:
    """Lock the store's row for the rest of the transaction, so that only one decision about its money is made at a time."""
    connection.execute(
        sa.update(tables.stores).where(tables.stores.c.id == store_id).values(turn=tables.stores.c.turn + 1)
    )


def fetch_one(connection: Connection, statement: sa.Select[Any], *, missing: str) -> sa.Row[Any]:
    """Return the first row of a query. Raises `NotFound` with `missing` as its message if there is none."""
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound(missing)
    return row
