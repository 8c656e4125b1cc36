"""Things of which a store has few, kept as documents by their keys: extra fields of the checkout, subscriptions, domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.database import State, dump, load


def every(state: State, kind: str) -> list[dict[str, Any]]:
    """Return all of a kind, oldest first."""
    return [
        load(row["body"])
        for row in state.rows("select body from documents where kind = ? order by rowid", (kind,))
    ]


def get(state: State, kind: str, key: str, missing: str) -> dict[str, Any]:
    """Return one. Raises 404 with this sentence."""
    body = state.value("select body from documents where kind = ? and key = ?", (kind, key))
    if body is None:
        raise ApiError(404, missing)
    kept: dict[str, Any] = load(body)
    return kept


def keep(state: State, kind: str, key: str, body: Mapping[str, Any]) -> None:
    """Store one, or replace it in its place."""
    sql = "insert into documents values (?, ?, ?) on conflict (kind, key) do update set body = excluded.body"
    state.run(sql, (kind, key, dump(body)))


def delete(state: State, kind: str, key: str) -> None:
    """Delete one, if it is there."""
    state.run("delete from documents where kind = ? and key = ?", (kind, key))
