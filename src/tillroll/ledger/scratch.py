"""A ledger in a temporary file, for a dry run: it is deleted at the end of the block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ledger.counting.triggers import install_triggers
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import metadata, stores


@contextmanager
def scratch_ledger(now: datetime) -> Iterator[tuple[Engine, int]]:
    """Open an empty SQLite ledger with one store; yields its engine and the store's row id."""
    with TemporaryDirectory(prefix="tillroll-") as folder:
        engine = open_engine(f"sqlite:///{folder}/scratch.sqlite3")
        try:
            metadata.create_all(engine)
            with writing(engine) as connection:
                install_triggers(connection)
            store = {"ecwid_id": 0, "base_url": "", "token": "", "created_at": now}
            with writing(engine) as connection:
                insert = sa.insert(stores).values(store).returning(stores.c.id)
                store_id = int(connection.execute(insert).scalar_one())
            yield engine, store_id
        finally:
            engine.dispose()
