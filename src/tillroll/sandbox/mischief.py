"""Other people at work in the store: rows that change between two pages, coupons edited in the admin.

It all goes through the endpoints, so that a change made here is like any other: stamped, and told by webhook.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tillroll.sandbox.door.routes import dispatch
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, Query


def _newcomer(draw: random.Random) -> dict[str, Any]:
    number = draw.randrange(10**9)
    return {
        "email": f"newcomer{number}@example.com",
        "acceptMarketing": True,
        "billingPerson": {"name": "Nika Nova"},
    }


def _order(draw: random.Random) -> dict[str, Any]:
    item = {"sku": "CUP-01", "name": "Porcelain cup", "price": 14.0, "quantity": 1}
    email = f"newcomer{draw.randrange(10**9)}@example.com"
    return {"email": email, "items": [item], "subtotal": 14.0, "total": 18.9, "paymentStatus": "PAID"}


def _coupon(draw: random.Random) -> dict[str, Any]:
    return {"name": "By hand", "code": f"BYHAND{draw.randrange(10**9)}", "discountType": "ABS", "discount": 5}


def _product(draw: random.Random) -> dict[str, Any]:
    return {"name": "By hand", "sku": f"HAND-{draw.randrange(10**9)}", "price": 9.9}


_LISTS: dict[str, tuple[Callable[[random.Random], dict[str, Any]], dict[str, Any]]] = {
    "/customers": (_newcomer, {"lang": "sl"}),
    "/products": (_product, {"price": 8.8}),
    "/orders": (_order, {"paymentStatus": "REFUNDED"}),
    "/discount_coupons": (_coupon, {"name": "Renamed by hand"}),
}
"""Lists whose rows change: what a new one looks like, and what an update says."""


def shift_page(store: Store, method: str, path: str, query: Query) -> None:
    """A page was answered; perhaps a row comes, goes or changes before the next one is asked for."""
    path = path.rstrip("/")
    if method != "GET" or path not in _LISTS:
        return
    struck = store.faults.strike("shifting_pages", method, path)
    if struck is None:
        return
    draw = store.faults.draw("shifting_pages")
    change = draw.choice(struck["changes"])
    new, changed = _LISTS[path]
    if change == "insert":
        _do(store, "POST", path, new(draw))
        return
    upto = (
        int(query.get("offset", "0")) + 100
    )  # among the rows that were shown: only these shift the next page
    identity = _some(store, path, draw, upto)
    if identity:
        _do(store, "DELETE" if change == "delete" else "PUT", f"{path}/{identity}", changed)


def meddle(store: Store, method: str, path: str) -> None:
    """Perhaps somebody edits or deletes a coupon in the store's admin."""
    struck = store.faults.strike("coupon_meddling", method, path)
    if struck is None:
        return
    draw = store.faults.draw("coupon_meddling")
    identity = _some(store, "/discount_coupons", draw, 10**9)
    if not identity:
        return
    if draw.choice(struck["changes"]) == "delete":
        _do(store, "DELETE", f"/discount_coupons/{identity}", None)
    else:
        edit = draw.choice(
            [{"status": "PAUSED"}, {"discount": draw.randint(1, 50)}, {"name": "Edited by hand"}]
        )
        _do(store, "PUT", f"/discount_coupons/{identity}", edit)


def _some(store: Store, path: str, draw: random.Random, upto: int) -> str:
    """The id of a row among the first so many; empty if there is none."""
    total = _do(store, "GET", path, None, {"limit": "1"}).get("total", 0)
    if not total:
        return ""
    offset = str(draw.randrange(min(total, upto)))
    rows = _do(store, "GET", path, None, {"limit": "1", "offset": offset}).get("items", [])
    return str(rows[0]["id"]) if rows else ""


def _do(store: Store, method: str, path: str, body: Any, query: Query | None = None) -> dict[str, Any]:
    try:
        with store.state.transaction():
            answer = dispatch(store, method, path, query or {}, lambda: body)
    except ApiError:
        return {}  # what the store's own rules forbid, its people can't do either
    return answer if isinstance(answer, dict) else {}
