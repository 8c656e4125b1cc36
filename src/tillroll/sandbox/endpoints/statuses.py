"""The statuses of orders, and the owner's names for the custom ones (dossier section 6.1).

The shape of an answer is that of the vendor's client; the two values of `orderStatusType` are our guess.
"""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.endpoints.orders import FULFILLMENT, PAYMENT
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, out
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_KINDS = {
    **{status: "PAYMENT" for status in PAYMENT if status != "INCOMPLETE"},
    **dict.fromkeys(FULFILLMENT, "FULFILLMENT"),
}
_DEFAULTS = ("AWAITING_PAYMENT", "AWAITING_PROCESSING")
_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(255),
    "nameTranslations": fields.an_object,
    "enabled": fields.boolean,
    "sendNotificationWhenStatusIsAssigned": fields.boolean,
}


def listed(store: SandboxStore) -> dict[str, Any]:
    """`GET /profile/order_statuses`."""
    return {"items": [get(store, status) for status in _KINDS], "limit": len(_KINDS)}


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
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


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /profile/order_status/{id}`."""
    before, sent = get(store, identifier), fields.read(body, _FIELDS)
    if sent.get("name", before["name"]) != before["name"]:
        sent["lastNameChangeDate"] = out(store.now())
    named = _named(store)
    named[identifier] = {**named.get(identifier, {}), **sent}
    store.state.keep_fact("order statuses", dump(named))
    store.happened("profile.updated", store.store_id)
    return {"updateCount": 1}


def _named(store: SandboxStore) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(store.state.fact("order statuses") or "{}")
    return kept
