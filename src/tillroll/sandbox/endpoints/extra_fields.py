"""Extra fields that the owner defines: of customers (dossier section 8.4) and of single orders (section 6.1)."""

from __future__ import annotations

import json
import secrets
from typing import Any

from tillroll.sandbox.endpoints import orders, placing
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, out
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_OF_CUSTOMERS: dict[str, fields.Kind] = {
    "title": fields.text(255),
    "type": lambda name, raw: fields.one_of("TEXT", "DATETIME")(name, str(raw).upper()),
    "shownOnOrderDetails": fields.boolean,
    "linkedWithCheckoutField": fields.boolean,
}
_OF_ORDERS: dict[str, fields.Kind] = {
    "id": fields.text(255),
    "value": fields.text(255),
    "title": fields.text(255),
    "customerInputType": fields.text(64),
    "orderDetailsDisplaySection": fields.text(64),
    "orderBy": fields.text(64),
}


def listed(store: SandboxStore) -> dict[str, Any]:
    """`GET /store_extrafields/customers`: without totals."""
    rows = store.state.rows("select * from extra_fields order by rowid")
    return {"items": [{"key": row["key"], **json.loads(row["body"])} for row in rows]}


def get(store: SandboxStore, key: str) -> dict[str, Any]:
    """`GET /store_extrafields/customers/{key}`."""
    return {"key": key, **_kept(store, key)}


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /store_extrafields/customers`."""
    sent = fields.read(body, _OF_CUSTOMERS)
    if not sent.get("title"):
        raise fields.absent("ExtraField.title")
    key, now = secrets.token_urlsafe(5), out(store.now())
    made = {
        "type": "TEXT", "shownOnOrderDetails": False, "linkedWithCheckoutField": False, **sent,
        "entityTypes": ["CUSTOMERS"], "createdDate": now, "lastModifiedDate": now,
    }  # fmt: skip
    store.state.run("insert into extra_fields values (?, ?)", (key, dump(made)))
    return {"createCount": 1, "key": key}


def update(store: SandboxStore, key: str, body: Any) -> dict[str, Any]:
    """`PUT /store_extrafields/customers/{key}`."""
    sent = fields.read(body, _OF_CUSTOMERS)
    kept = {**_kept(store, key), **sent, "lastModifiedDate": out(store.now())}
    store.state.run("update extra_fields set body = ? where key = ?", (dump(kept), key))
    return {"updateCount": 1}


def delete(store: SandboxStore, key: str) -> dict[str, Any]:
    """`DELETE /store_extrafields/customers/{key}`."""
    _kept(store, key)
    store.state.run("delete from extra_fields where key = ?", (key,))
    return {"deleteCount": 1}


def _kept(store: SandboxStore, key: str) -> dict[str, Any]:
    body = store.state.value("select body from extra_fields where key = ?", (key,))
    if body is None:
        raise ApiError(404, f"Extra field {key} not found")
    kept: dict[str, Any] = json.loads(body)
    return kept


def add_to_order(store: SandboxStore, order: str, body: Any) -> dict[str, Any]:
    """`POST /orders/{orderId}/extraFields`."""
    sent = fields.read(body, _OF_ORDERS)
    if not sent.get("id"):
        raise fields.absent("OrderExtraField.id")
    own = [field for field in orders.extra_fields(store, order) if field.get("id") != sent["id"]]
    _keep(store, order, [*own, sent])
    return {"createCount": 1}


def update_of_order(store: SandboxStore, order: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /orders/{orderId}/extraFields/{extraFieldId}`."""
    own = orders.extra_fields(store, order)
    changed = next((field for field in own if field.get("id") == identifier), None)
    if changed is None:
        raise ApiError(404, f"Extra field {identifier} not found")
    changed.update({**fields.read(body, _OF_ORDERS), "id": identifier})
    _keep(store, order, own)
    return {"updateCount": 1}


def delete_from_order(store: SandboxStore, order: str, identifier: str) -> dict[str, Any]:
    """`DELETE /orders/{orderId}/extraFields/{extraFieldId}`."""
    own = orders.extra_fields(store, order)
    left = [field for field in own if field.get("id") != identifier]
    if len(left) == len(own):
        raise ApiError(404, f"Extra field {identifier} not found")
    _keep(store, order, left)
    return {"deleteCount": 1}


def _keep(store: SandboxStore, order: str, extra: list[dict[str, Any]]) -> None:
    placing.update(store, order, {"orderExtraFields": extra})
