"""The history of deletions (dossier section 10.4)."""

from __future__ import annotations

import sqlite3
from typing import Any

from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats.wire import Query, moment, out
from tillroll.sandbox.state.store import SandboxStore

KINDS = ("orders", "products", "coupons", "customers", "reviews")
_BOUNDS = {"from_date": ("date >= ?", moment), "to_date": ("date < ? + 1", moment)}


def remember(store: SandboxStore, kind: str, identity: int | str, *, entity: int | None = None) -> None:
    """Record a deletion by its public id, and of an order its number. Call it inside the transaction of the deletion."""
    store.state.run(
        "insert into deleted (kind, id, entity, date) values (?, ?, ?, ?)",
        (kind, str(identity), entity, store.now()),
    )


def history(store: SandboxStore, kind: str, query: Query) -> dict[str, Any]:
    """`GET /{kind}/deleted`: oldest first."""
    search = Search(store, "deleted", query)
    search.where("kind = ?", kind)
    search.bounds(_BOUNDS)
    return search.answer("date, number", lambda row: {**_named(store, kind, row), "date": out(row["date"])})


def _named(store: SandboxStore, kind: str, row: sqlite3.Row) -> dict[str, Any]:
    """Return how a deletion names its object. Only orders have a number beside their id; the sources differ on which is told."""
    if kind != "orders":
        return {"id": int(row["id"])}
    shape = store.switches.deleted_orders
    if shape == "text" or row["entity"] is None:  # deleted before the file kept the number
        return {"id": row["id"]}
    return {"id": row["entity"], "orderId": row["id"] if shape == "both" else None}
