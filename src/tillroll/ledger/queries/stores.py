"""The connected stores, and how each answers where the documentation leaves it open (`tillroll store probe`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.errors import NotFound
from tillroll.ledger.engine import upsert
from tillroll.ledger.records import Store
from tillroll.ledger.tables import store_facts, stores


def find_store(connection: Connection, ecwid_id: int) -> Store | None:
    """Return the store with the number that its owner knows it by, or None."""
    row = connection.execute(sa.select(stores).where(stores.c.ecwid_id == ecwid_id)).first()
    return Store.from_row(row) if row is not None else None


def all_stores(connection: Connection) -> list[Store]:
    """Return every store, oldest first."""
    return [Store.from_row(row) for row in connection.execute(sa.select(stores).order_by(stores.c.id))]


def load_store(connection: Connection, store_id: int) -> Store:
    """Return a store by its row id. Raises `NotFound`."""
    row = connection.execute(sa.select(stores).where(stores.c.id == store_id)).first()
    if row is None:
        raise NotFound(f"There is no store {store_id} in the ledger.")
    return Store.from_row(row)


def record_facts(connection: Connection, store_id: int, learned: Mapping[str, Any], *, now: datetime) -> None:
    """Record settings by the name of their switch. What was learned before and is not among them stays."""
    rows = [
        {"store_id": store_id, "name": name, "setting": setting, "learned_at": now}
        for name, setting in learned.items()
    ]
    if rows:
        upsert(connection, store_facts, rows)


def learned_facts(connection: Connection, store_id: int) -> dict[str, Any]:
    """Return every learned setting by the name of its switch."""
    query = sa.select(store_facts.c.name, store_facts.c.setting).where(store_facts.c.store_id == store_id)
    return {row.name: row.setting for row in connection.execute(query)}
