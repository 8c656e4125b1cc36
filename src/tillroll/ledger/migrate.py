"""Bringing the ledger's schema up to date. Migrations are numbered files in `migrations/versions/`, additive first."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from tillroll.errors import Misconfigured

_LOCK = 0x7111_0DB5


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(engine: Engine) -> str:
    """Apply what is missing; returns the revision reached. Safe to run twice, and from several processes at once."""
    config = _config()
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
            connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
                connection.commit()
    return current(engine)


def current(engine: Engine) -> str:
    """The revision the database is at; empty for a database that holds no ledger yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def head() -> str:
    """The revision this version of Tillroll needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def require_current(engine: Engine) -> None:
    """Refuse to work on a ledger of another version."""
    at, needed = current(engine), head()
    if at != needed:
        raise Misconfigured(
            f"The ledger is at version {at or 'none'}, this Tillroll needs {needed}.",
            hint="Run: tillroll db upgrade",
        )
