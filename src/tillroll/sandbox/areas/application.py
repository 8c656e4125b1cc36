"""The app in this store: its subscription and its token (dossier section 4.6)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, Query, out

_DAY = 86_400


def get(store: Store) -> dict[str, Any]:
    """`GET /application`."""
    now = store.now()
    status = store.switches.subscription
    return {
        "subscription": {
            "startDate": out(now - 100 * _DAY),
            "expirationDate": out(now + 265 * _DAY),
            "status": status,
        },
        "subscriptionStatus": status,
    }


def token(store: Store, every: Collection[str]) -> dict[str, Any]:
    """`GET /application/token`: what the app's own token may do, of every scope; no token ends by itself."""
    own = store.tokens.own
    held = every if own.scopes is None else own.scopes
    missing = set(store.switches.missing_scopes)
    return {"permissions": sorted(set(held) - missing), "created": out(own.created)}


def delete(store: Store, query: Query) -> dict[str, Any]:
    """`DELETE /application?namespace=<client_id>`: the app is uninstalled, its token is dead."""
    if not query.get("namespace"):
        raise ApiError(400, "Wrong parameter 'namespace' value: absent", "WRONG_PARAMETER")
    store.uninstall()
    return {"deleteCount": 1}
