"""What the database knows of its own tables, told anew after a bulk write.

PostgreSQL chooses how to read a table by statistics that it gathers about once a minute. Until then a table that has just grown
by a million rows counts as small to it, and it sorts them all for every piece that is read in order.
https://www.postgresql.org/docs/current/sql-analyze.html
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ledger.engine import writing


def has_grown(engine: Engine, table: sa.Table) -> None:
    """Have the database look at a table that many rows were added to; a fifth of a second. SQLite goes by its indexes alone."""
    if engine.dialect.name == "postgresql":
        with writing(engine) as connection:
            connection.execute(sa.text(f"ANALYZE {table.name}"))
