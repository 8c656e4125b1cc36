"""Routing: which endpoint answers a method and path. The table is `endpoint_table.py`; batches are routed here too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tillroll.sandbox.formats.wire import Accepted, ApiError, Query, RawAnswer, only_fields
from tillroll.sandbox.http.endpoint_table import ROUTES, Call, Route
from tillroll.sandbox.state.store import SandboxStore

__all__ = ["OPEN", "ROUTES", "Route", "dispatch", "lacking"]

_BY_SHELF: dict[str, list[Route]] = {}
"""Routes by the first word of their path, so that only a few patterns are tried."""
for _route in ROUTES:
    _BY_SHELF.setdefault(_route.path.split("/")[1], []).append(_route)


OPEN = frozenset(route.path for route in ROUTES if not route.scope)
"""The paths that need no token."""


def lacking(store: SandboxStore, scope: str) -> ApiError:
    """Return the 403 for a scope that the token lacks (dossier section 4.5)."""
    if store.switches.missing_scope_body == "empty":
        return ApiError(403)
    return ApiError(403, f"The token lacks the scope {scope}", "INSUFFICIENT_APP_SCOPE")


def dispatch(
    store: SandboxStore,
    method: str,
    path: str,
    query: Query,
    read_body: Callable[[], Any],
    *,
    decode: Callable[[str], str] = unquote,
) -> Any:
    """Return an endpoint's answer. Raises `ApiError` for anything but success. `path` begins after the store's id.

    The body is read last: a missing scope or a wrong method is reported before an unreadable body. The
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
                store.counters["missing_scope"] += 1
                raise lacking(store, route.scope)
            ids = tuple(decode(part) for part in match.groups())
            call = Call(store=store, ids=ids, query=query, body=read_body())
            try:
                answer = route.answer(call)
            except (
                UnicodeEncodeError,
                OverflowError,
            ) as fault:  # half of a surrogate pair, or a number beyond 64 bits
                raise ApiError(400, "Something in the request can't be kept", "WRONG_PARAMETER") from fault
            if isinstance(answer, Accepted | RawAnswer):
                return answer
            return only_fields(answer, query.get("responseFields"))
    if methods:
        raise ApiError(405, "Method not allowed", "METHOD_NOT_ALLOWED")
    raise ApiError(404, "Not found")
