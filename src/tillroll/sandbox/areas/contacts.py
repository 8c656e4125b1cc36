"""Contacts of a customer: how else they can be reached (dossier section 8.3)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.areas import customers
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, out

_TYPES = (
    "EMAIL", "PHONE", "FACEBOOK", "INSTAGRAM", "TWITTER", "YOUTUBE", "TIKTOK", "PINTEREST", "VK",
    "FB_MESSENGER", "WHATSAPP", "TELEGRAM", "VIBER", "URL", "OTHER",
)  # fmt: skip
_FIELDS: dict[str, fields.Kind] = {
    "contact": fields.text(1024),
    "handle": fields.text(1024),
    "note": fields.text(),
    "type": fields.one_of(*_TYPES),
    "default": fields.boolean,
    "orderBy": fields.whole,
}


def listed(store: Store, customer: str) -> list[dict[str, Any]]:
    """`GET /customers/{id}/contacts`: a bare list; the e-mail is the first."""
    found: list[dict[str, Any]] = customers.get(store, customer)["contacts"]
    return found


def get(store: Store, customer: str, identifier: str) -> dict[str, Any]:
    """`GET /customers/{id}/contacts/{contactId}`."""
    for one in listed(store, customer):
        if str(one["id"]) == identifier:
            return one
    raise _not_found(identifier)


def create(store: Store, customer: str, body: Any) -> dict[str, Any]:
    """`POST /customers/{id}/contacts`."""
    row, sent = customers.row(store, customer), fields.read(body, _FIELDS)
    for name in ("contact", "type"):
        if not sent.get(name):
            raise fields.absent(f"CustomerContact.{name}")
    number = store.state.next_number("contacts", after=1_000_000)
    made = {"id": number, "default": False, "orderBy": 0, **sent, "timestamp": out(store.now())}
    _keep(store, row, [*_own(row), made], default=made)
    return {"id": number}


def update(store: Store, customer: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customers/{id}/contacts/{contactId}`."""
    row, sent = customers.row(store, customer), fields.read(body, _FIELDS)
    own = _own(row)
    changed = next((one for one in own if str(one["id"]) == identifier), None)
    if changed is None:
        raise _not_found(identifier)
    changed.update(sent)
    _keep(store, row, own, default=changed)
    return {"updateCount": 1}


def delete(store: Store, customer: str, identifier: str) -> dict[str, Any]:
    """`DELETE /customers/{id}/contacts/{contactId}`."""
    row = customers.row(store, customer)
    own = _own(row)
    left = [one for one in own if str(one["id"]) != identifier]
    if len(left) == len(own):
        raise _not_found(identifier)
    _keep(store, row, left, default={})
    return {"deleteCount": 1}


def _own(row: sqlite3.Row) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(row["body"]).get("contacts", [])
    return found


def _keep(store: Store, row: sqlite3.Row, own: list[dict[str, Any]], *, default: dict[str, Any]) -> None:
    """Write the contacts down; a new default of its type is the only one."""
    if default.get("default"):
        for one in own:
            one["default"] = one is default or (one.get("default", False) and one["type"] != default["type"])
    customers.keep(store, row, {"contacts": own})


def _not_found(identifier: str) -> ApiError:
    return ApiError(404, f"Contact #{identifier} not found")
