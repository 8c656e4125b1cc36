"""The identity of a database: a name that a copy of it does not share.

PostgreSQL: the cluster's identifier, the database's own number, and the cluster's timeline, which a promoted replica or a fork
raises. SQLite: the file's number in its file system; a moved or renamed file keeps it, a copied one gets another.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine


def identity_of(engine: Engine) -> str:
    """Return the name. A question mark stands for each part that the server does not tell this role."""
    if engine.dialect.name != "postgresql":
        return f"file {Path(str(engine.url.database)).stat().st_ino}"
    database = _ask(engine, "select oid from pg_database where datname = current_database()")
    cluster = _ask(engine, "select system_identifier from pg_control_system()")
    timeline = _ask(engine, "select timeline_id from pg_control_checkpoint()")
    return f"database {database} of {cluster} on {timeline}"


def _ask(engine: Engine, question: str) -> str:
    with engine.connect() as connection:
        try:
            return str(connection.scalar(sa.text(question)))
        except sa.exc.ProgrammingError:  # this role may not ask
            return "?"
