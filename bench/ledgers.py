"""Fresh, migrated ledgers to measure on: an SQLite file, or a database on a PostgreSQL server that is started for it.

That server does not wait for the disk (`fsync=off`). To measure with one that does, name it in `TEST_DATABASE_URL`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from tests import postgres
from tillroll.ledger.engine import open_engine
from tillroll.ledger.migrate import upgrade

KINDS = ("SQLite", "PostgreSQL")


@contextmanager
def ledger_url(kind: str) -> Iterator[str]:
    """Create a ledger for the length of a block, and yield its address for `open_engine`."""
    place = _sqlite() if kind == "SQLite" else _postgresql()
    with place as url:
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        yield url


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        yield f"sqlite:///{Path(folder, 'ledger.sqlite3')}"


@contextmanager
def _postgresql() -> Iterator[str]:
    server_url = os.environ.get("TEST_DATABASE_URL")
    if server_url:
        with _database(
            make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
        ) as url:
            yield url
        return
    with postgres.running() as server, _database(server) as url:
        yield url


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"tillroll_bench_{uuid4().hex}"
    make = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(make)
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(drop)
