"""Names of an order's custom statuses (dossier section 6.1)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError

_IDS = [f"CUSTOM_{kind}_STATUS_{number}" for kind in ("PAYMENT", "FULFILLMENT") for number in (1, 2, 3)]
_FIELDS: dict[str, fields.Kind] = {"name": fields.text(255), "enabled": fields.boolean}


def listed(store: Store) -> list[dict[str, Any]]:
    """`GET /profile/order_statuses`."""
    return [get(store, one) for one in _IDS]


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /profile/order_status/{id}`."""
    if identifier not in _IDS:
        raise ApiError(404, f"Order status {identifier} not found")
    named = json.loads(store.state.fact("order statuses") or "{}")
    return {"id": identifier, "name": "", "enabled": False, **named.get(identifier, {})}


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /profile/order_status/{id}`."""
    kept = {**get(store, identifier), **fields.read(body, _FIELDS)}
    named = json.loads(store.state.fact("order statuses") or "{}")
    store.state.keep_fact("order statuses", dump({**named, identifier: kept}))
    store.happened("profile.updated", store.store_id)
    return {"updateCount": 1}
