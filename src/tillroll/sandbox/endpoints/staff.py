"""Staff accounts (dossier section 10.5)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, wrong
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

SCOPES = (
    "SALES_MANAGEMENT",
    "CATALOG_MANAGEMENT",
    "MARKETING_MANAGEMENT",
    "REPORT_ACCESS",
    "WEBSITE_MANAGEMENT",
    "SALES_CHANNELS_MANAGEMENT",
    "STORE_MANAGEMENT",
)
"""The permissions; an account without any may do everything."""


def _permissions(name: str, raw: Any) -> list[str]:
    if not isinstance(raw, list) or not set(map(str, raw)) <= set(SCOPES):
        raise wrong(name, f"expected some of {', '.join(repr(scope) for scope in SCOPES)}")
    return raw


_FIELDS: dict[str, fields.Kind] = {"email": fields.text(255), "staffScopes": _permissions}


def listed(store: SandboxStore) -> dict[str, Any]:
    """`GET /staff`."""
    rows = store.state.rows("select * from staff order by id")
    return {"staffList": [{"id": str(row["id"]), **json.loads(row["body"])} for row in rows]}


def scopes() -> dict[str, Any]:
    """`GET /profile/staffScopes`."""
    return {"staffScopes": list(SCOPES)}


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /staff/{id}`."""
    for account in listed(store)["staffList"]:
        if account["id"] == identifier:
            return dict(account)
    raise ApiError(404, f"Staff account #{identifier} not found")


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /staff`: an account with an open invitation. The 409 for a second one of an address is our guess."""
    sent = fields.read(body, _FIELDS)
    email = _address(sent)
    if _by_address(store, email) is not None:
        raise ApiError(409, "There is a staff account with this email already", "CONSTRAINT_VIOLATION")
    person = {"name": "", "email": email, "staffScopes": sent.get("staffScopes", []), "inviteAccepted": False}
    store.state.run("insert into staff values (?, ?)", (store.state.next_id("staff"), dump(person)))
    return {"success": True}


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /staff/{id}`: a merge of e-mail and permissions."""
    kept = {**get(store, identifier), **fields.read(body, _FIELDS)}
    store.state.run("update staff set body = ? where id = ?", (dump(kept), int(kept.pop("id"))))
    return {"updateCount": 1}


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /staff/{id}`: a count of 0 if there is no such account."""
    gone = store.state.run("delete from staff where cast(id as text) = ?", (identifier,)).rowcount
    return {"deleteCount": gone}


def invite(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /staff/invite`: repeat an invitation; `false` if none of this address is open."""
    person = _by_address(store, _address(fields.read(body, _FIELDS)))
    return {"success": person is not None and not person["inviteAccepted"]}


def cancel(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`DELETE /staff/invite`: delete the account of an open invitation; an accepted one stays."""
    person = _by_address(store, _address(fields.read(body, _FIELDS)))
    if person is None or person["inviteAccepted"]:
        return {"deleteCount": 0}
    return delete(store, person["id"])


def _address(sent: dict[str, Any]) -> str:
    if not sent.get("email"):
        raise fields.absent("StaffAccount.email")
    return str(sent["email"])


def _by_address(store: SandboxStore, email: str) -> dict[str, Any] | None:
    people = listed(store)["staffList"]
    return next((account for account in people if account["email"].lower() == email.lower()), None)
