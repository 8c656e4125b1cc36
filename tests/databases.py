"""Fixtures: a fresh, migrated ledger for every test, on SQLite and on PostgreSQL.

Migrating takes a while, copying doesn't: a worker migrates one template of each kind, a test gets a copy.

    database_url   the address, once for each kind: a test that takes it runs twice
    sqlite_url     on SQLite alone
    postgresql_url on PostgreSQL alone
    ledger         an engine on `database_url`, disposed of after the test
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import Engine, make_url

from tests import postgres


def _migrate(url: str) -> None:
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
    _migrate(f"sqlite:///{path}")
    assert not path.with_name(path.name + "-wal").exists(), "the template is still open somewhere"
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh ledger in a file of the test's own."""
    path = tmp_path / "ledger.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A server that may make databases: the one TEST_DATABASE_URL names, else one of this worker's own."""
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
        _migrate(_database(postgresql_server, name))
        yield name
    finally:
        _administer(postgresql_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def postgresql_url(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """The address of a fresh ledger in a PostgreSQL database of the test's own."""
    name = f"tillroll_test_{uuid4().hex}"
    _administer(postgresql_server, "CREATE DATABASE {} TEMPLATE {}", name, postgresql_template)
    yield _database(postgresql_server, name)
    _administer(postgresql_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh, migrated ledger; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    """An open ledger, on each kind of database."""
    from tillroll.ledger.engine import open_engine

    engine = open_engine(database_url)
    yield engine
    engine.dispose()
