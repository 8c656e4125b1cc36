"""Customer groups; General, number 0, always exists (dossier section 8.4)."""

from __future__ import annotations

import sqlite3
from typing import Any

from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query, whole_numbers, without_unset
from tillroll.sandbox.state.store import SandboxStore

_FIELDS: dict[str, fields.Kind] = {"name": fields.text(255), "externalReferenceId": fields.text(255)}


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /customer_groups`: General first."""
    groups = Search(store, "customer_groups", query)
    for name in ("customerGroupId", "customerGroupIds"):
        if name in query:
            groups.among("id", whole_numbers(name, query[name]))
    if "keyword" in query:
        groups.where("instr(folded(name), ?) > 0", query["keyword"].casefold())
    return groups.answer("id", _show)


def names(store: SandboxStore) -> dict[int, str]:
    """Return every group's name by its number."""
    return {row["id"]: row["name"] for row in store.state.rows("select id, name from customer_groups")}


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /customer_groups/{groupId}`."""
    return _show(row(store, identifier))


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /customer_groups`."""
    sent = fields.read(body, _FIELDS)
    if not sent.get("name"):
        raise fields.absent("CustomerMembership.name")
    group = store.state.next_id("customer_groups")
    store.state.run(
        "insert into customer_groups values (?, ?, ?)", (group, sent["name"], sent.get("externalReferenceId"))
    )
    store.happened("customer_group.created", group)
    return {"id": group}


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customer_groups/{groupId}`."""
    group, sent = row(store, identifier), fields.read(body, _FIELDS)
    store.state.run(
        "update customer_groups set name = ?, reference = ? where id = ?",
        (
            sent.get("name") or group["name"],
            sent.get("externalReferenceId", group["reference"]),
            group["id"],
        ),
    )
    store.happened("customer_group.updated", group["id"])
    return {"updateCount": 1}


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /customer_groups/{groupId}`: its members move to General, which can't be deleted."""
    group = row(store, identifier)
    if group["id"] == 0:
        raise ApiError(400, "The group General can't be deleted", "WRONG_PARAMETER")
    store.state.run("update customers set group_id = 0 where group_id = ?", (group["id"],))
    store.state.run("delete from customer_groups where id = ?", (group["id"],))
    store.happened("customer_group.deleted", group["id"])
    return {"deleteCount": 1}


def row(store: SandboxStore, identifier: str) -> sqlite3.Row:
    """Return a group by its number. Raises 404."""
    group = (
        store.state.row("select * from customer_groups where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if group is None:
        raise ApiError(404, f"Customer group #{identifier} not found")
    return group


def _show(row: sqlite3.Row) -> dict[str, Any]:
    return without_unset({"id": row["id"], "name": row["name"], "externalReferenceId": row["reference"]})
