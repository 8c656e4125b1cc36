"""Which scope a request wants, and whether its token holds it (dossier section 4.4)."""

from __future__ import annotations

from tillroll.sandbox.door.routes import ROUTES, Route
from tillroll.sandbox.memory.access import Token
from tillroll.sandbox.wire import ApiError

_BY_SHELF: dict[str, list[Route]] = {}
for _route in ROUTES:
    _BY_SHELF.setdefault(_route.path.split("/")[1], []).append(_route)

PUBLIC = frozenset({"read_catalog", "read_store_profile", "create_orders"})
"""What a public token may do."""


def check_scope(token: Token, method: str, path: str) -> None:
    """403 if the endpoint wants a scope that the token lacks; what no endpoint answers is somebody else's word."""
    if token.scopes is None:
        return
    shelf = path.split("/", 2)[1]
    for route in _BY_SHELF.get(shelf, ()):
        if route.method == method and route.pattern.fullmatch(path):
            if route.scope and not token.may(route.scope):
                raise ApiError(403, f"The token lacks the scope {route.scope}", "INSUFFICIENT_APP_SCOPE")
            return
