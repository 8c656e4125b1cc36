"""The app in this store: its subscription and its token (dossier section 4.6)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, Query, out
from tillroll.sandbox.state.store import SandboxStore

_DAY = 86_400


def get(store: SandboxStore) -> dict[str, Any]:
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


def token(store: SandboxStore, every: Collection[str]) -> dict[str, Any]:
    """`GET /application/token`: for every scope, whether the app's own token has it. Tokens do not expire."""
    own = store.tokens.own
    held = every if own.scopes is None else own.scopes
    missing = set(store.switches.missing_scopes)
    return {"permissions": sorted(set(held) - missing), "created": out(own.created)}


def delete(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`DELETE /application?namespace=<client_id>`: uninstall the app and revoke its token."""
    if not query.get("namespace"):
        raise ApiError(400, "Wrong parameter 'namespace' value: absent", "WRONG_PARAMETER")
    store.uninstall()
    return {"deleteCount": 1}
