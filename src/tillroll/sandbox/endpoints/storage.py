"""The app storage: texts by key (dossier section 4.6)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_MOST, _MOST_PUBLIC = 1024 * 1024, 256 * 1024
"""The limits of a value in bytes; of the key `public`."""


def listed(store: SandboxStore) -> list[dict[str, Any]]:
    """`GET /storage`: a bare list."""
    return [dict(row) for row in store.state.rows("select key, value from storage order by key")]


def get(store: SandboxStore, key: str) -> dict[str, Any]:
    """`GET /storage/{key}`."""
    row = store.state.row("select key, value from storage where key = ?", (key,))
    if row is None:
        raise _not_found()
    return dict(row)


def keep(store: SandboxStore, key: str, body: Any) -> dict[str, Any]:
    """`POST` and `PUT /storage/{key}`: both create the key or overwrite it.

    `body`: the text of the request; of a request in a batch, what its JSON holds. No body is an empty value.
    """
    value = body if isinstance(body, str) else "" if body is None else dump(body)
    if store.switches.storage_bodies == "unwrapped":
        value = _unwrapped(value)
    if len(value.encode()) > (_MOST_PUBLIC if key == "public" else _MOST):
        raise ApiError(400, "The value is too large", "WRONG_PARAMETER")
    store.state.run("insert or replace into storage values (?, ?)", (key, value))
    store.happened("application.storageChanged", key)
    return _answer(store, "updateCount")


def _unwrapped(body: str) -> str:
    """Return what an object like `{"value": …}` holds; any other body as it came."""
    try:
        raw = json.loads(body)
    except ValueError:
        return body
    if not isinstance(raw, dict) or raw.keys() != {"value"}:
        return body
    return raw["value"] if isinstance(raw["value"], str) else dump(raw["value"])


def delete(store: SandboxStore, key: str) -> dict[str, Any]:
    """`DELETE /storage/{key}`."""
    if not store.state.run("delete from storage where key = ?", (key,)).rowcount:
        raise _not_found()
    store.happened("application.storageChanged", key)
    return _answer(store, "deleteCount")


def _answer(store: SandboxStore, count: str) -> dict[str, Any]:
    return {"success": True} if store.switches.storage_answers == "success" else {count: 1}


def _not_found() -> ApiError:
    fault = ApiError(404)
    fault.body = {"error": "OTHER", "errorMessage": "Key not found"}
    return fault
