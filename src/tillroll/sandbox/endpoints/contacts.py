"""Contacts of a customer: other ways to reach them (dossier section 8.3)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import customers
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, out
from tillroll.sandbox.state.store import SandboxStore

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


def listed(store: SandboxStore, customer: str) -> list[dict[str, Any]]:
    """`GET /customers/{id}/contacts`: a bare list, with the e-mail first."""
    contacts: list[dict[str, Any]] = customers.get(store, customer)["contacts"]
    return contacts


def get(store: SandboxStore, customer: str, identifier: str) -> dict[str, Any]:
    """`GET /customers/{id}/contacts/{contactId}`."""
    for contact in listed(store, customer):
        if str(contact["id"]) == identifier:
            return contact
    raise _not_found(identifier)


def create(store: SandboxStore, customer: str, body: Any) -> dict[str, Any]:
    """`POST /customers/{id}/contacts`."""
    row, sent = customers.row(store, customer), fields.read(body, _FIELDS)
    for name in ("contact", "type"):
        if not sent.get(name):
            raise fields.absent(f"CustomerContact.{name}")
    number = store.state.next_number("contacts", after=1_000_000)
    made = {"id": number, "default": False, "orderBy": 0, **sent, "timestamp": out(store.now())}
    _keep(store, row, [*_own(row), made], default=made)
    return {"id": number}


def update(store: SandboxStore, customer: str, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customers/{id}/contacts/{contactId}`."""
    row, sent = customers.row(store, customer), fields.read(body, _FIELDS)
    own = _own(row)
    changed = next((contact for contact in own if str(contact["id"]) == identifier), None)
    if changed is None:
        raise _not_found(identifier)
    changed.update(sent)
    _keep(store, row, own, default=changed)
    return {"updateCount": 1}


def delete(store: SandboxStore, customer: str, identifier: str) -> dict[str, Any]:
    """`DELETE /customers/{id}/contacts/{contactId}`."""
    row = customers.row(store, customer)
    own = _own(row)
    left = [contact for contact in own if str(contact["id"]) != identifier]
    if len(left) == len(own):
        raise _not_found(identifier)
    _keep(store, row, left, default={})
    return {"deleteCount": 1}


def _own(row: sqlite3.Row) -> list[dict[str, Any]]:
    contacts: list[dict[str, Any]] = json.loads(row["body"]).get("contacts", [])
    return contacts


def _keep(
    store: SandboxStore, row: sqlite3.Row, own: list[dict[str, Any]], *, default: dict[str, Any]
) -> None:
    """Store the contacts. A new default replaces the old one of its type."""
    if default.get("default"):
        for contact in own:
            contact["default"] = contact is default or (
                contact.get("default", False) and contact["type"] != default["type"]
            )
    customers.keep(store, row, {"contacts": own})


def _not_found(identifier: str) -> ApiError:
    return ApiError(404, f"Contact #{identifier} not found")
