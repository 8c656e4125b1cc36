"""Which endpoint answers a method and path. The table itself is `endpoints.py`; batches go through here too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tillroll.sandbox.door.endpoints import ROUTES, Call, Route
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import Accepted, ApiError, Query, only_fields

__all__ = ["ROUTES", "Route", "dispatch"]

_BY_SHELF: dict[str, list[Route]] = {}
"""The routes by the first word of their path, so that only a few patterns are tried."""
for _route in ROUTES:
    _BY_SHELF.setdefault(_route.path.split("/")[1], []).append(_route)


def dispatch(
    store: Store,
    method: str,
    path: str,
    query: Query,
    read_body: Callable[[], Any],
    *,
    decode: Callable[[str], str] = unquote,
) -> Any:
    """The answer of an endpoint; `ApiError` for anything but success. `path` begins after the store's id.

    The body is read last: a missing scope or a wrong method is said before a body that can't be read. The
    path is matched before it is decoded, so that a code may hold a slash.
    """
    methods = set()
    for route in _BY_SHELF.get(path.split("/", 2)[1] if path.startswith("/") else "", ()):
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        methods.add(route.method)
        if route.method == method:
            if route.scope in store.switches.missing_scopes:
                raise ApiError(403, f"The token lacks the scope {route.scope}", "INSUFFICIENT_APP_SCOPE")
            ids = tuple(decode(part) for part in match.groups())
            call = Call(store=store, ids=ids, query=query, body=read_body())
            try:
                answer = route.answer(call)
            except (UnicodeEncodeError, OverflowError) as fault:  # half a character, a number beyond 64 bits
                raise ApiError(400, "Something in the request can't be kept", "WRONG_PARAMETER") from fault
            return (
                answer if isinstance(answer, Accepted) else only_fields(answer, query.get("responseFields"))
            )
    if methods:
        raise ApiError(405, "Method not allowed", "METHOD_NOT_ALLOWED")
    raise ApiError(404, "Not found")
