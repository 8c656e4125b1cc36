"""What an app keeps in the store: texts by key (dossier section 4.6)."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError

_MOST, _MOST_PUBLIC = 1024 * 1024, 256 * 1024
"""Bytes of a value; of the key `public`."""


def listed(store: Store) -> list[dict[str, Any]]:
    """`GET /storage`: a bare list."""
    return [dict(row) for row in store.state.rows("select key, value from storage order by key")]


def get(store: Store, key: str) -> dict[str, Any]:
    """`GET /storage/{key}`."""
    row = store.state.row("select key, value from storage where key = ?", (key,))
    if row is None:
        raise _not_found()
    return dict(row)


def keep(store: Store, key: str, body: Any) -> dict[str, Any]:
    """`POST` and `PUT /storage/{key}`: either makes the key or overwrites it.

    The value is the body, JSON or any other text; or, as the newest table has it, the `value` of an object.
    """
    if isinstance(body, dict) and body.keys() == {"value"}:
        body = body["value"]
    value = body if isinstance(body, str) else dump(body)
    if len(value.encode()) > (_MOST_PUBLIC if key == "public" else _MOST):
        raise ApiError(400, "The value is too large", "WRONG_PARAMETER")
    store.state.run("insert or replace into storage values (?, ?)", (key, value))
    store.happened("application.storageChanged", key)
    return _answer(store, "updateCount")


def delete(store: Store, key: str) -> dict[str, Any]:
    """`DELETE /storage/{key}`."""
    if not store.state.run("delete from storage where key = ?", (key,)).rowcount:
        raise _not_found()
    store.happened("application.storageChanged", key)
    return _answer(store, "deleteCount")


def _answer(store: Store, count: str) -> dict[str, Any]:
    return {"success": True} if store.switches.storage_answers == "success" else {count: 1}


def _not_found() -> ApiError:
    fault = ApiError(404)
    fault.body = {"error": "OTHER", "errorMessage": "Key not found"}
    return fault
