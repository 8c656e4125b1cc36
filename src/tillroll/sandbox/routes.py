"""Which endpoint answers a method and path, and which scope it wants. Batches go through here too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tillroll.sandbox import catalog, coupons, customers, orders, profile
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query, only_fields

Endpoint = Callable[[Store, str, Query, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One row of the API's endpoint tables."""

    method: str
    pattern: re.Pattern[str]
    scope: str
    answer: Endpoint


def _route(method: str, path: str, scope: str, answer: Endpoint) -> Route:
    return Route(
        method=method, pattern=re.compile(path.replace("{id}", "([^/]+)") + "/?"), scope=scope, answer=answer
    )


ROUTES = (
    _route("GET", "/profile", "read_store_profile", lambda s, i, q, b: profile.profile(s)),
    _route("GET", "/latest-stats", "read_store_profile", lambda s, i, q, b: profile.latest_stats(s)),
    _route("GET", "/discount_coupons", "read_discount_coupons", lambda s, i, q, b: coupons.search(s, q)),
    _route("POST", "/discount_coupons", "create_discount_coupons", lambda s, i, q, b: coupons.create(s, b)),
    _route("GET", "/discount_coupons/{id}", "read_discount_coupons", lambda s, i, q, b: coupons.get(s, i)),
    _route(
        "PUT", "/discount_coupons/{id}", "update_discount_coupons", lambda s, i, q, b: coupons.update(s, i, b)
    ),
    _route(
        "DELETE", "/discount_coupons/{id}", "update_discount_coupons", lambda s, i, q, b: coupons.delete(s, i)
    ),
    _route("GET", "/customers", "read_customers", lambda s, i, q, b: customers.search(s, q)),
    _route("POST", "/customers", "create_customers", lambda s, i, q, b: customers.create(s, b)),
    _route("GET", "/customers/{id}", "read_customers", lambda s, i, q, b: customers.get(s, i)),
    _route("PUT", "/customers/{id}", "update_customers", lambda s, i, q, b: customers.update(s, i, b)),
    _route("DELETE", "/customers/{id}", "update_customers", lambda s, i, q, b: customers.delete(s, i)),
    _route("GET", "/customer_groups", "read_customers", lambda s, i, q, b: customers.groups(s, q)),
    _route("GET", "/orders", "read_orders", lambda s, i, q, b: orders.search(s, q)),
    _route("POST", "/orders", "create_orders", lambda s, i, q, b: orders.create(s, b)),
    _route("GET", "/orders/{id}", "read_orders", lambda s, i, q, b: orders.get(s, i)),
    _route("PUT", "/orders/{id}", "update_orders", lambda s, i, q, b: orders.update(s, i, b)),
    _route("GET", "/products", "read_catalog", lambda s, i, q, b: catalog.products(s, q)),
    _route("GET", "/products/{id}", "read_catalog", lambda s, i, q, b: catalog.product(s, i)),
    _route("GET", "/categories", "read_catalog", lambda s, i, q, b: catalog.categories(s, q)),
    _route("GET", "/categories/{id}", "read_catalog", lambda s, i, q, b: catalog.category(s, i)),
)


def dispatch(
    store: Store,
    method: str,
    path: str,
    query: Query,
    read_body: Callable[[], Any],
    *,
    decode: Callable[[str], str] = unquote,
) -> Any:
    """The answer of an endpoint; `ApiError` for anything but 200. `path` begins after the store's id.

    The body is read last: a missing scope or a wrong method is said before a body that can't be read. The
    path is matched before it is decoded, so that a code may hold a slash.
    """
    methods = set()
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        methods.add(route.method)
        if route.method == method:
            if route.scope in store.switches.missing_scopes:
                raise ApiError(403, f"The token lacks the scope {route.scope}", "INSUFFICIENT_APP_SCOPE")
            identifier = decode(match[1]) if match.groups() else ""
            answer = route.answer(store, identifier, query, read_body())
            return only_fields(answer, query.get("responseFields"))
    if methods:
        raise ApiError(405, "Method not allowed", "METHOD_NOT_ALLOWED")
    raise ApiError(404, "Not found")
