"""Edits by other people: rows that change between two pages, coupons edited in the store's admin.

Every edit goes through the endpoints, so it is dated and sent by webhook like any other.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, Query
from tillroll.sandbox.http.routes import dispatch
from tillroll.sandbox.state.store import SandboxStore


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
"""The lists whose rows change: the body of a new row, and the body of an update."""


def shift_page(store: SandboxStore, method: str, path: str, query: Query) -> None:
    """Perhaps insert, delete or change a row after a page was answered and before the next one is requested."""
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
    upto = int(query.get("offset", "0")) + 100  # among the rows of the page: only these shift the next one
    identity = _some(store, path, draw, upto)
    if identity:
        _do(store, "DELETE" if change == "delete" else "PUT", f"{path}/{identity}", changed)


def edit_coupon(store: SandboxStore, method: str, path: str) -> None:
    """Perhaps edit or delete a coupon, as somebody in the store's admin would."""
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


def _some(store: SandboxStore, path: str, draw: random.Random, upto: int) -> str:
    """Return the id of one of the first rows; empty if there is none."""
    total = _do(store, "GET", path, None, {"limit": "1"}).get("total", 0)
    if not total:
        return ""
    offset = str(draw.randrange(min(total, upto)))
    rows = _do(store, "GET", path, None, {"limit": "1", "offset": offset}).get("items", [])
    return str(rows[0]["id"]) if rows else ""


def _do(store: SandboxStore, method: str, path: str, body: Any, query: Query | None = None) -> dict[str, Any]:
    try:
        with store.state.transaction():
            answer = dispatch(store, method, path, query or {}, lambda: body)
    except ApiError:
        return {}  # the store's rules hold for its own people too
    return answer if isinstance(answer, dict) else {}
