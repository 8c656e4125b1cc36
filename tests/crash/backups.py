"""Backups of ledgers, made and restored by the means that the README names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.databases import EMPTIER

_END_THE_EMPTIER = (
    "select pg_terminate_backend(pid, 60000) from pg_stat_activity"  # and wait until it has ended
    f" where application_name = '{EMPTIER}' and datname = "
)
Restore = Callable[[], None]
Backup = Callable[[Path], Restore]


def sqlite_backup(url: str) -> Backup:
    """Copy the file with the content of its log; restoring copies it back over the same file."""

    def take(folder: Path) -> Restore:
        file, copy = Path(make_url(url).database or ""), folder / "backup.sqlite3"
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        engine.dispose()
        shutil.copyfile(file, copy)

        def restore() -> None:
            for left in ("-wal", "-shm"):
                Path(f"{file}{left}").unlink(missing_ok=True)
            shutil.copyfile(copy, file)

        return restore

    return take


def postgresql_backup(url: str) -> Backup:
    """Create a database with the other as its template; restoring gives it the name of the other."""

    def take(folder: Path) -> Restore:
        name = str(make_url(url).database)
        copy = f"{name}_backup"
        _administer(url, f"{_END_THE_EMPTIER}'{name}'", f'create database "{copy}" template "{name}"')

        def restore() -> None:
            _administer(
                url, f'drop database "{name}" with (force)', f'alter database "{copy}" rename to "{name}"'
            )

        return restore

    return take


def _administer(url: str, *statements: str) -> None:
    server = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
