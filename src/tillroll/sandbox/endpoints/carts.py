"""Abandoned carts: orders that were never placed (dossier section 7)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import basket, coupons, order_fields, orders, placing
from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query, decimal, flag, number, out, window
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_BOUNDS = {
    **window("cart_left"),
    "totalFrom": ("total >= ?", decimal),
    "totalTo": ("total <= ?", decimal),
    "customerId": ("customer = ?", number),
}
_WRITABLE: dict[str, fields.Kind] = {
    "taxesOnShipping": fields.objects,
    "b2b_b2c": fields.one_of("b2b", "b2c"),
    "customerRequestedInvoice": fields.boolean,
    "customerFiscalCode": fields.text(),
    "electronicInvoicePecEmail": fields.text(),
    "electronicInvoiceSdiCode": fields.text(),
}
_OF_ORDERS = {
    "id", "internalId", "orderNumber", "vendorOrderNumber", "publicUid", "paymentStatus", "refundedAmount", "refunds",
    "giftCardRedemption", "giftCardDoubleSpending", "totalBeforeGiftCardRedemption", "predictedPackage", "shipments",
    "shippingLabelAvailableForShipment", "ticket", "invoices", "externalFulfillment", "loyalty", "utmDataSets",
}  # fmt: skip


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /carts`: newest first, hidden ones included unless `showHidden=false`."""
    carts = Search(store, "orders", query)
    carts.where("cart != ''")
    carts.indexed("cart_left")
    carts.bounds(_BOUNDS)
    orders.contact_filters(query, carts)
    if not flag("showHidden", query.get("showHidden", "true")):
        carts.where("hidden = 0")
    return carts.answer("cart_left desc, number desc", show)


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /carts/{cartId}`."""
    return show(_row(store, identifier))


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /carts/{cartId}`: hide it or show it, and little else."""
    row = _row(store, identifier)
    hidden = fields.read(body, {"hidden": fields.boolean}).get("hidden", bool(row["hidden"]))
    kept = {**json.loads(row["body"]), **fields.read(body, _WRITABLE)}
    store.state.run(
        "update orders set hidden = ?, body = ?, updated = ?, searchable = ? where number = ?",
        (int(hidden), dump(kept), store.now(), store.searchable("order", row["number"]), row["number"]),
    )
    placing.tell_updated(store, row, status=row["status"], fulfillment=str(kept.get("fulfillmentStatus", "")))
    return {"updateCount": 1}


def place(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`POST /carts/{cartId}/place`: turn it into an order that awaits its payment."""
    row = _row(store, identifier)
    kept = json.loads(row["body"])
    if row["status"] != "INCOMPLETE" or not kept.get("items") or not row["email"]:
        raise ApiError(store.switches.unplaceable_cart, "The cart can't be placed")
    used = kept.pop("discountCoupon", None)
    coupon = coupons.by_code(store, row["coupon"]) if row["coupon"] else None
    order_id, number_ = placing.place(
        store,
        email=str(kept["email"]),
        status="AWAITING_PAYMENT",
        total=row["total"],
        used=coupons.show(store, coupon) if coupon is not None else used,
        body=kept,
        cart=row,
    )
    if coupon is not None and store.switches.rest_orders_use_coupons:
        coupons.used_once_more(store, coupon)
    basket.take(store, kept["items"])
    return {"id": order_id, "orderNumber": number_, "vendorOrderNumber": order_id, "cartId": row["cart"]}


def leave(store: SandboxStore, body: Any) -> dict[str, Any]:
    """Abandon a cart: `{"email", "items": [{"sku", "quantity"}], "coupon"}`. Return the cart's id.

    Buying with the same e-mail later (`checkout.py`) turns the cart into that order.
    """
    sent = fields.document(body)
    if not sent.get("email"):
        raise fields.absent("email")
    items = basket.lines(store, sent.get("items"))
    subtotal, off, shipping = basket.subtotal(items), 0.0, basket.SHIPPING
    coupon = coupons.by_code(store, str(sent["coupon"])) if sent.get("coupon") else None
    if coupon is not None:
        off, shipping = basket.discounted(store, coupons.offer(coupon), items)
    order_id, number_ = placing.place(
        store,
        email=str(sent["email"]),
        status="INCOMPLETE",
        total=round(subtotal - off + shipping, 2),
        used=coupons.show(store, coupon) if coupon is not None else None,
        body={
            "email": str(sent["email"]),
            "items": items,
            "subtotal": subtotal,
            "couponDiscount": off,
            "discount": 0,
            "shippingOption": {**basket.POST, "shippingRate": shipping},
            order_fields.VAT: basket.VAT,
            "acceptMarketing": sent.get("acceptMarketing"),
            "lang": sent.get("lang"),
            "fulfillmentStatus": "AWAITING_PROCESSING",
        },
    )
    cart = store.state.value("select cart from orders where number = ?", (number_,))
    return {"cartId": cart, "orderId": order_id}


def show(row: sqlite3.Row) -> dict[str, Any]:
    """Return a cart as answers show it: an order without an id; once placed, with its order number."""
    shown = {name: value for name, value in orders.show(row).items() if name not in _OF_ORDERS}
    if "discountCoupon" in shown:
        coupon = shown["discountCoupon"]
        shown["discountCoupon"] = {name: value for name, value in coupon.items() if name != "id"}
    placed = {"recoveredOrderId": row["number"]} if row["status"] != "INCOMPLETE" else {}
    return {
        **shown,
        **placed,
        "cartId": row["cart"],
        "hidden": bool(row["hidden"]),
        "createDate": out(row["cart_left"]),
        "createTimestamp": int(row["cart_left"]),
    }


def _row(store: SandboxStore, identifier: str) -> sqlite3.Row:
    row = store.state.row("select * from orders where cart = ? and cart != ''", (identifier.upper(),))
    if row is None:
        raise ApiError(404, f"Cart #{identifier} not found", "CHECKOUT_NOT_FOUND")
    return row
