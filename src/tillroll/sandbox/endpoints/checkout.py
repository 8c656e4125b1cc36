"""The checkout: `POST /sandbox/checkout` applies a coupon's rules and places an order."""

from __future__ import annotations

import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import basket, coupons, order_fields, placing
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.store import SandboxStore


def checkout(store: SandboxStore, body: Any) -> dict[str, Any]:
    """Place an order: `{"email", "items": [{"sku", "quantity"}], "coupon", "shippingPerson"}`, the last two if wanted.

    Raises 422 saying why a coupon does not work. A cart that the same e-mail abandoned becomes this order, and the stock is
    reduced.
    """
    if not isinstance(body, dict) or not body.get("email"):
        raise ApiError(400, "checkout needs email and items", "WRONG_PARAMETER")
    email, items = str(body["email"]), basket.lines(store, body.get("items"))
    subtotal = basket.subtotal(items)
    coupon, discount, shipping = None, 0.0, basket.SHIPPING
    if body.get("coupon"):
        coupon = _usable(store, str(body["coupon"]), email, subtotal)
        discount, shipping = basket.discounted(store, coupons.offer(coupon), items)
    total = round(subtotal - discount + shipping, 2)
    order_id, _ = placing.place(
        store,
        email=email,
        status="PAID",
        total=total,
        used=coupons.show(store, coupon) if coupon is not None else None,
        body={
            "email": email,
            "subtotal": subtotal,
            "couponDiscount": discount,
            "discount": 0,
            "items": items,
            "fulfillmentStatus": "AWAITING_PROCESSING",
            "shippingOption": {**basket.POST, "shippingRate": shipping},
            order_fields.VAT: basket.VAT,
            **_persons(body.get("shippingPerson")),
        },
        cart=placing.open_cart(store, email),
    )
    if coupon is not None:
        coupons.used_once_more(store, coupon)
    basket.take(store, items)
    return {
        "orderId": order_id,
        "subtotal": subtotal,
        "couponDiscount": discount,
        "shipping": shipping,
        "total": total,
    }


def _persons(given: Any) -> dict[str, Any]:
    """Return the order's persons: who gets the goods has paid for them."""
    return {"billingPerson": given, "shippingPerson": given} if isinstance(given, dict) else {}


def _usable(store: SandboxStore, code: str, email: str, subtotal: float) -> sqlite3.Row:
    row = coupons.by_code(store, code)
    if row is None:
        raise ApiError(422, "no such coupon")
    coupon = coupons.offer(row)
    shown = coupons.show(store, row)
    before = _orders_of(store, email)
    used = store.state.value(
        "select count(*) from orders where email = ? and coupon = ? and status != 'INCOMPLETE'",
        (email.lower(), code.upper()),
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


def _orders_of(store: SandboxStore, email: str) -> int:
    sql = "select count(*) from orders where email = ? and status not in ('INCOMPLETE', 'CANCELLED')"
    return int(store.state.value(sql, (email.lower(),)))
