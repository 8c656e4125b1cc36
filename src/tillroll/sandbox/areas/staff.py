"""The people behind the counter (dossier section 10.5)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, wrong

SCOPES = (
    "SALES_MANAGEMENT",
    "CATALOG_MANAGEMENT",
    "MARKETING_MANAGEMENT",
    "REPORT_ACCESS",
    "WEBSITE_MANAGEMENT",
    "SALES_CHANNELS_MANAGEMENT",
    "STORE_MANAGEMENT",
)
"""What somebody may be let do; nobody named any of them may do everything."""


def _permissions(name: str, raw: Any) -> list[str]:
    if not isinstance(raw, list) or not set(map(str, raw)) <= set(SCOPES):
        raise wrong(name, f"expected some of {', '.join(repr(one) for one in SCOPES)}")
    return raw


_FIELDS: dict[str, fields.Kind] = {"email": fields.text(255), "staffScopes": _permissions}


def listed(store: Store) -> dict[str, Any]:
    """`GET /staff`."""
    rows = store.state.rows("select * from staff order by id")
    return {"staffList": [{"id": str(row["id"]), **json.loads(row["body"])} for row in rows]}


def scopes() -> dict[str, Any]:
    """`GET /profile/staffScopes`."""
    return {"staffScopes": list(SCOPES)}


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /staff/{id}`."""
    for one in listed(store)["staffList"]:
        if one["id"] == identifier:
            return dict(one)
    raise ApiError(404, f"Staff account #{identifier} not found")


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /staff`: an account that waits for its invitation to be taken. A second of an address is 409, our guess."""
    sent = fields.read(body, _FIELDS)
    email = _address(sent)
    if _by_address(store, email) is not None:
        raise ApiError(409, "There is a staff account with this email already", "CONSTRAINT_VIOLATION")
    person = {"name": "", "email": email, "staffScopes": sent.get("staffScopes", []), "inviteAccepted": False}
    store.state.run("insert into staff values (?, ?)", (store.state.next_id("staff"), dump(person)))
    return {"success": True}


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /staff/{id}`: a merge of e-mail and permissions."""
    kept = {**get(store, identifier), **fields.read(body, _FIELDS)}
    store.state.run("update staff set body = ? where id = ?", (dump(kept), int(kept.pop("id"))))
    return {"updateCount": 1}


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /staff/{id}`: a count of none when there is no such account."""
    gone = store.state.run("delete from staff where cast(id as text) = ?", (identifier,)).rowcount
    return {"deleteCount": gone}


def invite(store: Store, body: Any) -> dict[str, Any]:
    """`POST /staff/invite`: the invitation once more; `false` when nobody of this address waits for one."""
    person = _by_address(store, _address(fields.read(body, _FIELDS)))
    return {"success": person is not None and not person["inviteAccepted"]}


def cancel(store: Store, body: Any) -> dict[str, Any]:
    """`DELETE /staff/invite`: the account goes with its invitation; one that was taken stays."""
    person = _by_address(store, _address(fields.read(body, _FIELDS)))
    if person is None or person["inviteAccepted"]:
        return {"deleteCount": 0}
    return delete(store, person["id"])


def _address(sent: dict[str, Any]) -> str:
    if not sent.get("email"):
        raise fields.absent("StaffAccount.email")
    return str(sent["email"])


def _by_address(store: Store, email: str) -> dict[str, Any] | None:
    people = listed(store)["staffList"]
    return next((one for one in people if one["email"].lower() == email.lower()), None)
