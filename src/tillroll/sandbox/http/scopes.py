"""The scope that a request needs, and whether its token has it (dossier section 4.4)."""

from __future__ import annotations

from tillroll.sandbox.http.routes import ROUTES, Route, lacking
from tillroll.sandbox.state.access import Token
from tillroll.sandbox.state.store import SandboxStore

_BY_SHELF: dict[str, list[Route]] = {}
for _route in ROUTES:
    _BY_SHELF.setdefault(_route.path.split("/")[1], []).append(_route)

PUBLIC = frozenset({"read_catalog", "read_store_profile", "create_orders"})
"""The scopes of a public token."""


def check_scope(store: SandboxStore, token: Token, method: str, path: str) -> None:
    """Raise 403 if the token lacks the endpoint's scope. A path without an endpoint is reported elsewhere."""
    if token.scopes is None:
        return
    shelf = path.split("/", 2)[1]
    for route in _BY_SHELF.get(shelf, ()):
        if route.method == method and route.pattern.fullmatch(path):
            if route.scope and not token.may(route.scope):
                raise lacking(store, route.scope)
            return
