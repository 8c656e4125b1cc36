"""Writing orders: created by REST or at the checkout, changed, deleted (dossier section 6.7)."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from tillroll.sandbox.endpoints import coupons, customers, deleted, orders
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, out, without_unset, wrong
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_OF_THE_STORE = {
    "id", "internalId", "orderNumber", "vendorOrderNumber", "publicUid", "customerId", "createDate",
    "updateDate", "createTimestamp", "updateTimestamp", "discountCoupon", "paymentStatus", "total", "hidden",
    "cartId", "recoveredOrderId",
}  # fmt: skip
"""Fields that a request cannot set, or that have a column of their own."""
_AMOUNTS = (
    "subtotal", "total", "couponDiscount", "discount", "volumeDiscount", "membershipBasedDiscount",
    "totalAndMembershipBasedDiscount", "tax", "usdTotal", "refundedAmount", "giftCardRedemption",
)  # fmt: skip


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /orders`: totals as given. A coupon is kept only if it exists, and then counts as used."""
    sent = _checked(store, body)
    status = sent.get("paymentStatus") or "PAID"
    customer = _linked(store, sent)
    email = str(sent.get("email") or (customer["email"] if customer is not None else ""))
    coupon, snapshot = _coupon(store, sent)
    if sent.get("hidden") and status != "INCOMPLETE" and store.switches.hidden_order == "refuse":
        raise wrong("hidden", "only for an INCOMPLETE order")
    order_id, number = place(
        store,
        email=email,
        status=status,
        total=float(sent.get("total") or 0),
        used=snapshot,
        made=_made(sent),
        body={
            "subtotal": 0.0, "couponDiscount": 0.0, "discount": 0, "fulfillmentStatus": "AWAITING_PROCESSING",
            **_own(sent), "email": email, "items": _numbered(store, _items(store, sent)),
        },
    )  # fmt: skip
    if sent.get("hidden") and status == "INCOMPLETE":
        store.state.run("update orders set hidden = 1 where number = ?", (number,))
    if coupon is not None and status != "INCOMPLETE" and store.switches.rest_orders_use_coupons:
        coupons.used_once_more(store, coupon)
    return {"id": number, "orderid": order_id}


def place(
    store: SandboxStore,
    *,
    email: str,
    status: str,
    total: float,
    used: Mapping[str, Any] | None,
    body: Mapping[str, Any],
    cart: sqlite3.Row | None = None,
    made: float | None = None,
) -> tuple[str, int]:
    """Insert an order and return its public id and its number. A guest becomes a customer.

    `used` is the coupon as it was before this order; the caller counts its use. An unfinished order is
    a cart; `cart` is the cart that becomes this order. `made`: when it was placed, if not now.
    """
    now, unfinished = store.now(), status == "INCOMPLETE"
    made = now if made is None else made
    number = store.state.next_id("orders", "number", after=100_000) if cart is None else cart["number"]
    customer = _customer_of(store, email, unfinished=unfinished)
    kept = dump(without_unset({**body, "discountCoupon": used}))
    code, lag = str(used.get("code", "")).upper() if used else "", store.searchable("order", number)
    if cart is None:
        identity = str(uuid.uuid4()).upper() if unfinished else ""
        store.state.run(
            "insert into orders (number, id, customer, email, created, updated, searchable, status, coupon,"
            " total, body, cart, cart_left) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number, public_id(number), customer, email.lower(), made, now, lag, status, code, total, kept,
                identity, made if unfinished else None,
            ),
        )  # fmt: skip
    else:
        identity = cart["cart"]
        store.state.run(
            "update orders set customer = ?, email = ?, created = ?, updated = ?, searchable = ?, status = ?,"
            " coupon = ?, total = ?, body = ? where number = ?",
            (customer, email.lower(), now, now, lag, status, code, total, kept, number),
        )
    order_id = public_id(number)
    if unfinished:
        store.happened("unfinished_order.created", number, {"orderId": order_id, "cartId": identity})
    else:
        fulfillment = str(body.get("fulfillmentStatus", ""))
        data = {"orderId": order_id, "newPaymentStatus": status, "newFulfillmentStatus": fulfillment}
        store.happened("order.created", number, data)
        if customer is not None:
            customers.recount(store, customer)
    return order_id, number


def _customer_of(store: SandboxStore, email: str, *, unfinished: bool) -> int | None:
    """Return the customer with this e-mail; the buyer of a finished order becomes one."""
    if not email:
        return None
    customer: int | None = store.state.value("select id from customers where email = ?", (email.lower(),))
    return customer if unfinished or customer is not None else customers.add(store, {"email": email})


def open_cart(store: SandboxStore, email: str) -> sqlite3.Row | None:
    """Return the buyer's latest cart that has not become an order."""
    return store.state.row(
        "select * from orders where email = ? and cart != '' and status = 'INCOMPLETE'"
        " order by number desc limit 1",
        (email.lower(),),
    )


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /orders/{orderId}`: a merge."""
    row, sent = orders.row(store, identifier), _checked(store, body)
    before = json.loads(row["body"])
    kept = {**before, **_own(sent)}
    if "items" in sent:
        kept["items"] = _numbered(store, _items(store, sent))
    _, snapshot = _coupon(store, sent)
    if snapshot is not None:
        kept["discountCoupon"] = snapshot
    status = sent.get("paymentStatus") or row["status"]
    if row["status"] == "INCOMPLETE" and status != "INCOMPLETE":
        place(
            store,
            email=str(kept.get("email", "")),
            status=status,
            total=float(sent.get("total", row["total"]) or 0),
            used=kept.get("discountCoupon"),
            body=kept,
            cart=row,
        )
        return {"updateCount": 1}
    code = str((kept.get("discountCoupon") or {}).get("code", "")).upper()
    store.state.run(
        "update orders set status = ?, total = ?, email = ?, coupon = ?, body = ?, updated = ?, searchable = ?"
        " where number = ?",
        (
            status, float(sent.get("total", row["total"]) or 0), str(kept.get("email", "")).lower(), code,
            dump(without_unset(kept)), store.now(), store.searchable("order", row["number"]), row["number"],
        ),
    )  # fmt: skip
    tell_updated(store, row, status=status, fulfillment=str(kept.get("fulfillmentStatus", "")))
    if row["customer"] is not None:
        customers.recount(store, row["customer"])
    if status == "CANCELLED" and row["status"] != "CANCELLED":
        _give_back(store, row)
    return {"updateCount": 1}


def tell_updated(store: SandboxStore, row: sqlite3.Row, *, status: str, fulfillment: str) -> None:
    """Send the event of a changed order or cart; `row` is its row from before."""
    if row["status"] == "INCOMPLETE":
        data = {"orderId": row["id"], "cartId": row["cart"]}
        store.happened("unfinished_order.updated", row["number"], data)
        return
    data = {
        "orderId": row["id"],
        "oldPaymentStatus": row["status"],
        "newPaymentStatus": status,
        "oldFulfillmentStatus": str(json.loads(row["body"]).get("fulfillmentStatus", "")),
        "newFulfillmentStatus": fulfillment,
    }
    store.happened("order.updated", row["number"], data)


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /orders/{orderId}`."""
    row = orders.row(store, identifier)
    store.state.run("delete from orders where number = ?", (row["number"],))
    deleted.remember(store, "orders", row["id"], entity=row["number"])
    if row["status"] == "INCOMPLETE":
        data = {"orderId": row["id"], "cartId": row["cart"]}
        store.happened("unfinished_order.deleted", row["number"], data)
        return {"deleteCount": 1}
    store.happened("order.deleted", row["number"], {"orderId": row["id"]})
    if row["customer"] is not None:
        customers.recount(store, row["customer"])
    if row["status"] != "CANCELLED":
        _give_back(store, row)
    return {"deleteCount": 1}


def calculate(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /order/calculate`: return the order with prices; nothing is stored. An unknown coupon is returned as sent."""
    sent = _checked(store, body)
    items = _items(store, sent)
    subtotal = round(sum(item.get("price", 0) * item["quantity"] for item in items), 2)
    given, now = sent.get("discountCoupon"), store.now()
    echoed = {"orderCount": 0, "creationDate": out(now), **given} if given else None
    return without_unset(
        {
            **_own(sent),
            "customerId": sent.get("customerId"),
            "items": items,
            "subtotal": subtotal,
            "total": subtotal,
            "couponDiscount": 0,
            "discount": 0,
            "discountInfo": [],
            "discountCoupon": echoed,
            "paymentStatus": sent.get("paymentStatus"),
        }
    )


def _give_back(store: SandboxStore, row: sqlite3.Row) -> None:
    coupon = coupons.by_code(store, row["coupon"]) if row["coupon"] else None
    if coupon is not None and store.switches.undone_orders_return_coupons:
        coupons.used_once_less(store, coupon)


def public_id(number: int) -> str:
    """Return the public id of an order: five letters or more."""
    text, left = "", number * 7919
    while left:
        left, pair = divmod(left, len(_PAIRS))
        text = _PAIRS[pair] + text
    return text.lstrip("A").rjust(5, "A")


def _checked(store: SandboxStore, body: Any) -> dict[str, Any]:
    """Return what was sent, with known fields checked. Totals are taken as they are."""
    kinds: dict[str, fields.Kind] = {
        **dict.fromkeys(_AMOUNTS, fields.amount),
        "email": fields.text(),
        "items": fields.objects,
        "discountCoupon": fields.an_object,
        "billingPerson": fields.an_object,
        "shippingPerson": fields.an_object,
        "hidden": fields.boolean,
        "acceptMarketing": fields.boolean,
        "customerId": fields.whole,
        "createDate": fields.date,
        "paymentStatus": fields.one_of(*orders.PAYMENT),
        "fulfillmentStatus": fields.one_of(*orders.FULFILLMENT),
    }
    return {**fields.document(body), **fields.read(body, kinds)}


def _own(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name not in _OF_THE_STORE and value is not None}


def _made(sent: Mapping[str, Any]) -> float | None:
    """Return when an order was placed, if the request says so: orders that are brought in keep their date."""
    return None if sent.get("createDate") is None else float(sent["createDate"])


def _linked(store: SandboxStore, sent: Mapping[str, Any]) -> sqlite3.Row | None:
    """Return the customer whom an order names by id. Raises 404."""
    if sent.get("customerId") is None:
        return None
    return customers.row(store, str(sent["customerId"]))


def _coupon(store: SandboxStore, sent: Mapping[str, Any]) -> tuple[sqlite3.Row | None, dict[str, Any] | None]:
    """Return (the store's coupon with that code, what the order keeps of it)."""
    given = sent.get("discountCoupon") or {}
    coupon = coupons.by_code(store, str(given["code"])) if given.get("code") else None
    if coupon is not None:
        return coupon, coupons.show(store, coupon)
    return None, dict(given) if given and store.switches.invented_coupon == "store" else None


def _numbered(store: SandboxStore, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give items that came without an id one that no other item has."""
    for item in items:
        item.setdefault("id", store.state.next_number("order_items", after=1_000_000_000))
    return items


def _items(store: SandboxStore, sent: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = sent.get("items") or []
    if store.switches.item_without_quantity == "refuse" and any("quantity" not in item for item in items):
        raise ApiError(400, "Field OrderItem.quantity is absent", "WRONG_PARAMETER")
    kinds = {"price": fields.amount, "quantity": fields.whole}
    return [{"quantity": 1, **item, **fields.read(item, kinds)} for item in map(without_unset, items)]
