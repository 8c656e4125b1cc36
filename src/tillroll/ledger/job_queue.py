"""The tables of the job queue (Procrastinate), in a schema beside the ledger's. Only PostgreSQL has them.

Procrastinate ships its schema and numbered migrations as SQL, and leaves it to its users to remember which are applied
(https://procrastinate.readthedocs.io/en/stable/howto/production/migrations.html). We keep the name of the last one as the
schema's comment.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from procrastinate.schema import SchemaManager
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import Connection, Engine

SCHEMA = "tillroll_queue"


def upgrade_queue(connection: Connection) -> str:
    """Create the queue's tables, or apply the missing migrations. Returns the last one. The caller holds the migrations' lock.

    Each file is a transaction: after a crash the next call continues with the next file.
    """
    at = last_queue_migration(connection)
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


def last_queue_migration(connection: Connection) -> str:
    """Return the name of the queue's last migration that was applied; empty if the queue has no tables."""
    query = sa.text("select obj_description(to_regnamespace(:schema), 'pg_namespace')")
    last: str | None = connection.scalar(query, {"schema": SCHEMA})
    return last or ""


def _run(connection: Connection, first: str, script: str, name: str) -> None:
    """Run several statements at once on the driver's connection, since the script's percent signs are no parameters."""
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
    """Return the address for the queue's own connections: the ledger's database, with the queue's schema.

    A commit is on disk before it is reported, whatever the server's setting: a server that forgot in a crash that a job had
    ended would keep the job's store waiting.
    """
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return make_conninfo(url, options=f"-c search_path={SCHEMA} -c synchronous_commit=on")
