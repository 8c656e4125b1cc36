"""Customer groups; General, number 0, always exists (dossier section 8.4)."""

from __future__ import annotations

import sqlite3
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.searches import Search
from tillroll.sandbox.wire import ApiError, Query, whole_numbers, without_unset

_FIELDS: dict[str, fields.Kind] = {"name": fields.text(255), "externalReferenceId": fields.text(255)}


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /customer_groups`: General first."""
    found = Search(store, "customer_groups", query)
    for name in ("customerGroupId", "customerGroupIds"):
        if name in query:
            found.among("id", whole_numbers(name, query[name]))
    if "keyword" in query:
        found.where("instr(folded(name), ?) > 0", query["keyword"].casefold())
    return found.answer("id", _show)


def names(store: Store) -> dict[int, str]:
    """Every group's name by its number."""
    return {row["id"]: row["name"] for row in store.state.rows("select id, name from customer_groups")}


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /customer_groups/{groupId}`."""
    return _show(row(store, identifier))


def create(store: Store, body: Any) -> dict[str, Any]:
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


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customer_groups/{groupId}`."""
    found, sent = row(store, identifier), fields.read(body, _FIELDS)
    store.state.run(
        "update customer_groups set name = ?, reference = ? where id = ?",
        (
            sent.get("name") or found["name"],
            sent.get("externalReferenceId", found["reference"]),
            found["id"],
        ),
    )
    store.happened("customer_group.updated", found["id"])
    return {"updateCount": 1}


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /customer_groups/{groupId}`: its members move to General, which can't be deleted."""
    found = row(store, identifier)
    if found["id"] == 0:
        raise ApiError(400, "The group General can't be deleted", "WRONG_PARAMETER")
    store.state.run("update customers set group_id = 0 where group_id = ?", (found["id"],))
    store.state.run("delete from customer_groups where id = ?", (found["id"],))
    store.happened("customer_group.deleted", found["id"])
    return {"deleteCount": 1}


def row(store: Store, identifier: str) -> sqlite3.Row:
    """A group by its number; 404 when there is none."""
    found = (
        store.state.row("select * from customer_groups where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if found is None:
        raise ApiError(404, f"Customer group #{identifier} not found")
    return found


def _show(row: sqlite3.Row) -> dict[str, Any]:
    return without_unset({"id": row["id"], "name": row["name"], "externalReferenceId": row["reference"]})
