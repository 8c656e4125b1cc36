"""Errors of a database that is away, told from errors of ours by the drivers' codes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.errors import Misconfigured
from tillroll.ledger.availability import is_unavailable
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import roles


def _fault(act: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what it is is the test's question
        act()
    return caught.value


def _without_waiting(path: Path, mode: str = "rw") -> Engine:
    return sa.create_engine(f"sqlite:///file:{path}?mode={mode}&uri=true", connect_args={"timeout": 0})


def test_a_locked_sqlite_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("create table t (a)")
    holder.execute("begin exclusive")
    engine = _without_waiting(path)
    with engine.connect() as connection:
        fault = _fault(lambda: connection.execute(sa.text("insert into t values (1)")))
    holder.close()
    assert is_unavailable(fault)


def test_a_read_only_or_missing_sqlite_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    sqlite3.connect(path).execute("create table t (a)").connection.close()
    with _without_waiting(path, "ro").connect() as connection:
        assert is_unavailable(_fault(lambda: connection.execute(sa.text("insert into t values (1)"))))
    assert is_unavailable(_fault(lambda: _without_waiting(tmp_path / "gone" / "x").connect()))


def test_a_full_sqlite_file_is_unavailable(tmp_path: Path) -> None:
    engine = _without_waiting(tmp_path / "ledger.sqlite3", "rwc")
    with engine.connect() as connection:
        connection.exec_driver_sql("pragma max_page_count = 2")
        connection.exec_driver_sql("create table t (a)")
        assert is_unavailable(
            _fault(lambda: connection.exec_driver_sql("insert into t values (randomblob(100000))"))
        )


def test_a_connection_that_the_server_ended_is_unavailable(postgresql_url: str) -> None:
    engine, other = open_engine(postgresql_url), open_engine(postgresql_url)
    with engine.connect() as connection:
        number = connection.scalar(sa.text("select pg_backend_pid()"))
        with other.connect() as administrator:
            administrator.execute(sa.select(sa.func.pg_terminate_backend(number)))
        fault = _fault(lambda: connection.execute(sa.text("select 1")))
    engine.dispose()
    other.dispose()
    assert is_unavailable(fault)


def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    fault = _fault(lambda: open_engine("postgresql://nobody@127.0.0.1:1/nothing"))
    assert isinstance(fault, Misconfigured)
    assert is_unavailable(fault)


def test_an_engine_without_a_free_connection_is_unavailable(tmp_path: Path) -> None:
    engine = sa.create_engine(
        f"sqlite:///{tmp_path}/ledger.sqlite3", pool_size=1, max_overflow=0, pool_timeout=0
    )
    with engine.connect():
        assert is_unavailable(_fault(engine.connect))


def test_errors_of_ours_are_not(ledger: Engine) -> None:
    with ledger.connect() as connection:
        fault = _fault(lambda: connection.execute(sa.text("select nothing from nowhere")))
    assert not is_unavailable(fault)
    row = {"name": "twice"}
    with ledger.begin() as connection:
        fault = _fault(lambda: connection.execute(sa.insert(roles), [row, row]))
    assert not is_unavailable(fault)
    assert not is_unavailable(ValueError("nothing to do with it"))


def test_the_cause_of_an_error_counts_and_a_circle_of_causes_ends() -> None:
    first, second = ValueError("one"), ValueError("two")
    first.__cause__, second.__cause__ = second, first
    assert not is_unavailable(first)
    second.__cause__ = sa.exc.TimeoutError()
    assert is_unavailable(first)
