"""The job queue's own tables (Procrastinate's), in a schema beside the ledger's; PostgreSQL alone has them.

Procrastinate ships its schema and numbered migrations as SQL and leaves keeping the score to whoever uses it
(https://procrastinate.readthedocs.io/en/stable/howto/production/migrations.html): the score is the schema's comment, the name
of the last migration that it holds.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from procrastinate.schema import SchemaManager
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import Connection, Engine

SCHEMA = "tillroll_queue"


def upgrade_queue(connection: Connection) -> str:
    """Make the queue's tables, or apply the migrations they lack; returns the last one. The caller holds the migrations' lock.

    Each file is a transaction of its own: a process that dies in between carries on with the next.
    """
    at = current_queue(connection)
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    if not at:
        at = files[-1].stem
        _run(connection, f"create schema if not exists {SCHEMA}", SchemaManager.get_schema(), at)
        return at
    for file in files:
        if file.stem > at:
            at = file.stem
            _run(connection, "select 1", file.read_text(encoding="utf-8"), at)
    return at


def current_queue(connection: Connection) -> str:
    """The last migration that the queue's tables hold; empty when there are none."""
    query = sa.text("select obj_description(to_regnamespace(:schema), 'pg_namespace')")
    found: str | None = connection.scalar(query, {"schema": SCHEMA})
    return found or ""


def _run(connection: Connection, first: str, script: str, name: str) -> None:
    """Several statements at once, past SQLAlchemy: the script's percent signs are no parameters."""
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - it is checked out
    try:
        raw.execute(first)
        raw.execute(f"set local search_path to {SCHEMA}")
        raw.execute(script)
        raw.execute(f"comment on schema {SCHEMA} is '{name}'")
    except BaseException:
        raw.rollback()
        raise
    raw.commit()


def conninfo(engine: Engine) -> str:
    """How the queue's own connections reach its tables: the ledger's address, looking into the queue's schema."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return make_conninfo(url, options=f"-c search_path={SCHEMA}")
