"""A buyer at the till: `POST /sandbox/checkout` keeps a coupon's rules and makes a real order."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox import coupons, orders
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError

_SHIPPING = 4.90


def checkout(store: Store, body: Any) -> dict[str, Any]:
    """Buy: `{"email", "items": [{"sku", "quantity"}], "coupon"}`. 422 says why a coupon doesn't work."""
    if not isinstance(body, dict) or not body.get("email") or not _list_of_objects(body.get("items")):
        raise ApiError(400, "checkout needs email and items", "WRONG_PARAMETER")
    items = [_item(store, item) for item in body["items"]]
    subtotal = round(sum(item["price"] * item["quantity"] for item in items), 2)
    coupon, discount, shipping = None, 0.0, _SHIPPING
    if body.get("coupon"):
        coupon = _usable(store, str(body["coupon"]), str(body["email"]), subtotal)
        offer = json.loads(coupon["body"])
        discount, shipping = _discount(offer, _eligible(store, offer, items))
    total = round(subtotal - discount + shipping, 2)
    order_id, _ = orders.place(
        store,
        email=str(body["email"]),
        items=items,
        subtotal=subtotal,
        total=total,
        used=coupons.show(store, coupon) if coupon is not None else None,
        coupon_discount=discount,
        status="PAID",
    )
    if coupon is not None:
        coupons.used_once_more(store, coupon)
    return {
        "orderId": order_id,
        "subtotal": subtotal,
        "couponDiscount": discount,
        "shipping": shipping,
        "total": total,
    }


def _item(store: Store, asked: dict[str, Any]) -> dict[str, Any]:
    row = store.state.row(
        "select * from products where sku = ? or id = ?",
        (str(asked.get("sku", "")), asked.get("productId", -1)),
    )
    if row is None:
        raise ApiError(422, f"no product {asked.get('sku') or asked.get('productId')}")
    product = json.loads(row["body"])
    quantity = asked.get("quantity", 1)
    if type(quantity) is not int or quantity < 1:
        raise ApiError(400, "quantity is a whole number from one up", "WRONG_PARAMETER")
    return {
        "productId": row["id"],
        "sku": row["sku"],
        "name": product["name"],
        "price": product["price"],
        "quantity": quantity,
    }


def _usable(store: Store, code: str, email: str, subtotal: float) -> sqlite3.Row:
    row = coupons.by_code(store, code)
    if row is None:
        raise ApiError(422, "no such coupon")
    coupon = json.loads(row["body"])
    shown = coupons.show(store, row)
    before = _orders_of(store, email)
    used = store.state.value(
        "select count(*) from orders where email = ? and coupon = ?", (email.lower(), code.upper())
    )
    for refused, why in (
        (shown["status"] != "ACTIVE", f"the coupon is {shown['status'].lower()}"),
        (coupon["launchDate"] > store.now(), "the coupon is not valid yet"),
        (subtotal < coupon.get("totalLimit", 0), "the basket is below the coupon's minimum"),
        (coupon["applicationLimit"] == "NEW_CUSTOMER_ONLY" and before > 0, "the coupon is for first orders"),
        (
            coupon["applicationLimit"] == "REPEAT_CUSTOMER_ONLY" and before == 0,
            "the coupon is for returning customers",
        ),
        (coupon["usesLimit"] == "ONCEPERCUSTOMER" and used > 0, "the coupon was used by this customer"),
    ):
        if refused:
            raise ApiError(422, why)
    return row


def _orders_of(store: Store, email: str) -> int:
    sql = "select count(*) from orders where email = ? and status not in ('INCOMPLETE', 'CANCELLED')"
    return int(store.state.value(sql, (email.lower(),)))


def _list_of_objects(raw: Any) -> bool:
    return isinstance(raw, list) and bool(raw) and all(isinstance(one, dict) for one in raw)


def _eligible(store: Store, coupon: dict[str, Any], items: list[dict[str, Any]]) -> float:
    """The part of the subtotal the coupon may be taken off; each item learns whether it has part in it."""
    limit = coupon.get("catalogLimit") or {}
    wanted, shelves = set(limit.get("products") or ()), set(limit.get("categories") or ())
    eligible = 0.0
    for item in items:
        body = store.state.value("select body from products where id = ?", (item["productId"],))
        product = json.loads(body)
        fits = not (wanted or shelves) or item["productId"] in wanted or shelves & set(product["categoryIds"])
        item["couponApplied"] = bool(fits) and product.get("discountsAllowed", True)
        eligible += item["price"] * item["quantity"] if item["couponApplied"] else 0.0
    if not eligible:
        raise ApiError(422, "the coupon is for other products")
    return round(eligible, 2)


def _discount(coupon: dict[str, Any], eligible: float) -> tuple[float, float]:
    """(money off the items, shipping to pay)."""
    kind, value = coupon["discountType"], coupon["discount"]
    off = 0.0
    if kind.startswith("PERCENT"):
        off = min(round(eligible * value / 100, 2), eligible)
    elif kind.startswith("ABS"):
        off = min(value, eligible)
    return off, 0.0 if "SHIPPING" in kind else _SHIPPING
