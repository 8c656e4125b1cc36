"""The people behind the counter, to read (dossier section 10.5)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError


def listed(store: Store) -> dict[str, Any]:
    """`GET /staff`."""
    rows = store.state.rows("select * from staff order by id")
    return {"staffList": [{"id": str(row["id"]), **json.loads(row["body"])} for row in rows]}


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /staff/{id}`."""
    for one in listed(store)["staffList"]:
        if one["id"] == identifier:
            return dict(one)
    raise ApiError(404, f"Staff account #{identifier} not found")
