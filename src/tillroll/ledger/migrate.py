"""Upgrading the ledger's schema. Migrations are numbered files in `migrations/versions/`; they add before they remove."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from tillroll.errors import Misconfigured
from tillroll.ledger.captures.triggers import install_captures
from tillroll.ledger.counting.mend import mend_counts
from tillroll.ledger.counting.triggers import drop_triggers, install_triggers
from tillroll.ledger.views.install import drop_views, install_views

_LOCK = 0x7111_0DB5


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(engine: Engine) -> str:
    """Apply the missing migrations and return the revision reached. Safe to repeat, and from several processes at once."""
    _refuse_newer(current(engine))
    config = _config()
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
            connection.commit()
        else:
            _check_references(connection, on=False)
        try:
            config.attributes["connection"] = connection
            _migrate(connection, config)
            connection.commit()
            if connection.dialect.name == "postgresql":
                from tillroll.ledger.job_queue import (
                    upgrade_queue,  # only PostgreSQL has a queue, and it loads slowly
                )

                upgrade_queue(connection)
        finally:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
                connection.commit()
            else:
                _check_references(connection, on=True)
    return current(engine)


def _migrate(connection: Connection, config: Config) -> None:
    """Apply the missing migrations, see that the kept counts are right after them, and create what else the database does."""
    if MigrationContext.configure(connection).get_current_revision() != head():
        drop_views(connection)
        drop_triggers(connection)
        command.upgrade(config, "head")
    if install_triggers(connection):
        mend_counts(connection)
    install_captures(connection)
    install_views(connection)


def _check_references(connection: Connection, *, on: bool) -> None:
    """Switch SQLite's foreign keys on or off: it changes a table by copying it, and references to it must not prevent that.

    It uses the driver's connection, since the pragma does nothing within a transaction (https://sqlite.org/lang_altertable.html).
    """
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - it is checked out
    raw.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def current(engine: Engine) -> str:
    """Return the database's revision; empty for a database without a ledger."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def head() -> str:
    """Return the revision that this version of Tillroll needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def require_current(engine: Engine) -> None:
    """Raise `Misconfigured` unless the ledger has the revision that this version needs."""
    at, needed = current(engine), head()
    if at == needed:
        return
    _refuse_newer(at)
    problem = f"is at version {at}, this Tillroll needs {needed}" if at else "has no tables yet"
    raise Misconfigured(f"The ledger {problem}.", hint="Run: tillroll db upgrade")


def _refuse_newer(at: str) -> None:
    """Raise `Misconfigured` for a ledger that a later version has upgraded: there is no way back."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if at and at not in known:
        raise Misconfigured(
            f"The ledger is at version {at}, which this Tillroll doesn't know: a newer one brought it there.",
            hint="Install that newer version here, or restore the backup from before it.",
        )
