"""What was deleted and when (dossier section 10.4)."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.searches import Search
from tillroll.sandbox.wire import Query, moment, out

KINDS = ("orders", "products", "coupons", "customers", "reviews")
_BOUNDS = {"from_date": ("date >= ?", moment), "to_date": ("date < ? + 1", moment)}


def remember(store: Store, kind: str, identity: int | str) -> None:
    """Something is gone; its public id is kept. Called inside the transaction of the deletion."""
    store.state.run(
        "insert into deleted (kind, id, date) values (?, ?, ?)", (kind, str(identity), store.now())
    )


def history(store: Store, kind: str, query: Query) -> dict[str, Any]:
    """`GET /{kind}/deleted`: oldest first."""
    search = Search(store, "deleted", query)
    search.where("kind = ?", kind)
    search.bounds(_BOUNDS)
    return search.answer(
        "date, number",
        lambda row: {"id": row["id"] if kind == "orders" else int(row["id"]), "date": out(row["date"])},
    )
