"""The statuses an order may have, and the owner's names for the custom ones (dossier section 6.1).

The shape of an answer is the vendor's client's; `orderStatusType`'s two words are our guess.
"""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.areas.orders import FULFILLMENT, PAYMENT
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, out

_KINDS = {
    **{one: "PAYMENT" for one in PAYMENT if one != "INCOMPLETE"},
    **dict.fromkeys(FULFILLMENT, "FULFILLMENT"),
}
_DEFAULTS = ("AWAITING_PAYMENT", "AWAITING_PROCESSING")
_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(255),
    "nameTranslations": fields.an_object,
    "enabled": fields.boolean,
    "sendNotificationWhenStatusIsAssigned": fields.boolean,
}


def listed(store: Store) -> dict[str, Any]:
    """`GET /profile/order_statuses`."""
    return {"items": [get(store, one) for one in _KINDS], "limit": len(_KINDS)}


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /profile/order_status/{id}`."""
    if identifier not in _KINDS:
        raise ApiError(404, f"Order status {identifier} not found")
    custom = identifier.startswith("CUSTOM_")
    return {
        "statusId": identifier,
        "orderStatusType": _KINDS[identifier],
        "defaultStatus": identifier in _DEFAULTS,
        "enabled": not custom,
        "name": "" if custom else identifier.replace("_", " ").capitalize(),
        "sendNotificationWhenStatusIsAssigned": not custom,
        **_named(store).get(identifier, {}),
    }


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /profile/order_status/{id}`."""
    before, sent = get(store, identifier), fields.read(body, _FIELDS)
    if sent.get("name", before["name"]) != before["name"]:
        sent["lastNameChangeDate"] = out(store.now())
    named = _named(store)
    named[identifier] = {**named.get(identifier, {}), **sent}
    store.state.keep_fact("order statuses", dump(named))
    store.happened("profile.updated", store.store_id)
    return {"updateCount": 1}


def _named(store: Store) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(store.state.fact("order statuses") or "{}")
    return kept
