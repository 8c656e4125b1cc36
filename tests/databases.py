"""Fixtures: a fresh, migrated ledger for every test, on SQLite and on PostgreSQL.

Migrating is slow and copying is fast, so a worker migrates one template of each kind. A test gets a copy of the SQLite file;
PostgreSQL takes a third of a second to copy a database, so there a worker has one copy, emptied after each test.

    database_url   the address, once for each kind: a test that takes it runs twice
    sqlite_url     on SQLite alone
    postgresql_url on PostgreSQL alone
    ledger         an engine on `database_url`, disposed of after the test

A test's run on PostgreSQL has the marker `again`. `make test` leaves these runs out, except in tests/ledger, where the databases
differ; `.ci/run` leaves out those of the pages (marker `once`), whose queries the other rooms try; `make test-all` runs all.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Dialect, Engine, make_url
from sqlalchemy.util import LRUCache

from tests import postgres
from tests.logs import remember_codes

POSTGRESQL = "postgresql"
AGAIN, ONCE = "again", "once"
_BOTH, _PAGES = "ledger", {"web", "security"}  # folders


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        drawn = getattr(item, "callspec", None)
        if drawn is None or drawn.params.get("database_url") != POSTGRESQL or _BOTH in item.path.parts:
            continue
        item.add_marker(AGAIN)
        if _PAGES & {*item.path.parts} and item.get_closest_marker("slow") is None:
            item.add_marker(ONCE)


def migrate(url: str) -> None:
    from tillroll.ledger.engine import open_engine
    from tillroll.ledger.migrate import upgrade

    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()


def _administer(server: str, statement: str, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.sqlite3"
    migrate(f"sqlite:///{path}")
    assert not path.with_name(path.name + "-wal").exists(), "the template is still open somewhere"
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh ledger in a file of this test."""
    path = tmp_path / "ledger.sqlite3"
    shutil.copyfile(sqlite_template, path)
    yield f"sqlite:///{path}"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        remember_codes(code for (code,) in ledger.execute(_CODES))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A server where we may create databases: that of TEST_DATABASE_URL, else one of this worker's own."""
    named = os.environ.get("TEST_DATABASE_URL")
    if named:
        yield make_url(named).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    if postgres.binaries() is None:
        pytest.fail(postgres.MISSING, pytrace=False)
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    name = f"tillroll_template_{uuid4().hex}"
    _administer(postgresql_server, "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
    try:
        migrate(_database(postgresql_server, name))
        yield name
    finally:
        _administer(postgresql_server, "DROP DATABASE {} WITH (FORCE)", name)


_CODES = "select code from codes limit 100000"
_SHAPE = """
select (select count(*) from pg_class), (select max(oid) from pg_class), (select count(*) from pg_attribute),
    (select version_num from alembic_version)"""
EMPTIER = "tests"
"""What the connection that stays open calls itself. A test that needs the database without any may end it."""
_END_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"""
_TABLES = "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
_EMPTYING = """
(select case when pg_relation_size({name}::regclass) > 500000 then {truncate} else {delete} end from {table} limit 1)"""
"""How to empty a table that holds rows. The dead rows of a large one would slow the tests that follow."""
_RESTART = """
select setval(format('%I', sequencename)::regclass, start_value, false) from pg_sequences
    where schemaname = 'public' and last_value is not null"""


class Emptied:
    """A worker's database, emptied after each test; if a test changed the schema, the database is dropped and made again.

    The connection that empties it stays open: each new one would read the catalogue first, which takes longer than the rest.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._name = ""
        self._shape: object = None
        self._own: psycopg.Connection | None = None
        self._emptying: sql.Composable = sql.SQL("")

    def take(self) -> str:
        """Return the URL of the database, creating it if necessary."""
        if self._own is None:
            self._name = f"tillroll_test_{uuid4().hex}"
            _administer(self._server, "CREATE DATABASE {} TEMPLATE {}", self._name, self._template)
            self._own = psycopg.connect(
                _database(self._server, self._name), autocommit=True, application_name=EMPTIER
            )
            self._shape = self._own.execute(_SHAPE).fetchone()
            names = [str(name) for (name,) in self._own.execute(_TABLES)]
            self._emptying = sql.SQL("select array_remove(array[{}], null)").format(
                sql.SQL(", ").join(map(_emptying, names))
            )
        return _database(self._server, self._name)

    def give_back(self) -> None:
        """Empty the database, even if clients are still connected."""
        assert self._own is not None
        try:
            if self._empty(self._own):
                return
        except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError):
            pass  # we may lack that privilege on a server that is not ours, or a test has ended our connection
        self.drop()

    def _empty(self, own: psycopg.Connection) -> bool:
        """Empty the database, and return True, unless its schema was changed."""
        end = time.monotonic() + 60
        while own.execute(
            _END_OTHERS
        ).fetchall():  # one that is about to commit ends later, and would leave rows
            assert time.monotonic() < end, "a connection to the tests' database does not end"
        with suppress(psycopg.ProgrammingError):  # a test may have changed the schema
            remember_codes(code for (code,) in own.execute(_CODES))
        if own.execute(_SHAPE).fetchone() != self._shape:
            return False
        own.execute("set session_replication_role = replica")  # foreign keys are not checked meanwhile
        for (statements,) in own.execute(self._emptying, prepare=True).fetchall():
            own.execute("; ".join(statements))
        own.execute(_RESTART)
        return True

    def drop(self) -> None:
        """Drop the database; the next `take` creates a new one."""
        if self._own is not None:
            self._own.close()
            self._own = None
            _administer(self._server, "DROP DATABASE {} WITH (FORCE)", self._name)


def _emptying(name: str) -> sql.Composable:
    table = sql.Identifier(name)
    quoted = table.as_string()
    return sql.SQL(_EMPTYING).format(
        table=table,
        name=sql.Literal(quoted),
        truncate=sql.Literal(f"truncate {quoted} cascade"),
        delete=sql.Literal(f"delete from {quoted}"),
    )


@pytest.fixture(scope="session")
def postgresql_emptied(postgresql_server: str, postgresql_template: str) -> Iterator[Emptied]:
    made = Emptied(postgresql_server, postgresql_template)
    yield made
    made.drop()


@pytest.fixture
def postgresql_url(postgresql_emptied: Emptied) -> Iterator[str]:
    """The URL of a fresh ledger in a PostgreSQL database that no other test uses at the same time."""
    yield postgresql_emptied.take()
    postgresql_emptied.give_back()


@pytest.fixture(params=["sqlite", pytest.param(POSTGRESQL, marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated ledger; the test runs once on each kind of database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    """An open ledger, on each kind of database."""
    from tillroll.ledger.engine import open_engine

    engine = open_engine(database_url)
    _share_compiled(engine)
    yield engine
    engine.dispose()


_compiled: dict[str, tuple[Dialect, LRUCache[Any, Any]]] = {}


def _share_compiled(engine: Engine) -> None:
    """Let the engines of a worker's tests share what SQLAlchemy has compiled: a third of a test's time went into compiling anew.

    The key of what is compiled holds the dialect's identity, so the engines share the dialect as well.
    """
    dialect, cache = _compiled.setdefault(engine.dialect.name, (engine.dialect, LRUCache(2_000)))
    engine.dialect = dialect
    engine.update_execution_options(compiled_cache=cache)
