"""Orders: searched, read, and made by REST (dossier section 6)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox import coupons, customers
from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import (
    ApiError,
    Query,
    indexed,
    listing,
    moment,
    number,
    out,
    page,
    without_unset,
    wrong,
)

PAYMENT = (
    "AWAITING_PAYMENT", "PAID", "CANCELLED", "REFUNDED", "PARTIALLY_REFUNDED", "INCOMPLETE",
    "CUSTOM_PAYMENT_STATUS_1", "CUSTOM_PAYMENT_STATUS_2", "CUSTOM_PAYMENT_STATUS_3",
)  # fmt: skip
_BOUNDS = {
    "createdFrom": ("created >= ?", moment),
    "createdTo": ("created < ? + 1", moment),
    "updatedFrom": ("updated >= ?", moment),
    "updatedTo": ("updated < ? + 1", moment),
    "customerId": ("customer = ?", number),
}
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /orders`: newest first; unfinished ones only when asked for."""
    where, values = [indexed(query, "created")], list[Any]([store.now()])
    for name, (clause, parse) in _BOUNDS.items():
        if name in query:
            where.append(clause)
            values.append(parse(name, query[name]))
    if "couponCode" in query:
        where.append("coupon = ?")
        values.append(query["couponCode"].upper())
    if "email" in query:
        where.append("email = ?")
        values.append(query["email"].lower())
    if "ids" in query:
        wanted = query["ids"].split(",")
        marks = ", ".join("?" * len(wanted))
        where.append(f"(id in ({marks}) or cast(number as text) in ({marks}))")
        values += wanted * 2
    if "paymentStatus" in query:
        wanted = query["paymentStatus"].split(",")
        if not set(wanted) <= set(PAYMENT):
            raise wrong("paymentStatus", f"expected one of {', '.join(PAYMENT)}")
        where.append(f"status in ({', '.join('?' * len(wanted))})")
        values += wanted
    else:
        where.append("status != 'INCOMPLETE'")
    condition = " and ".join(where)
    page_ = page(query, over=store.switches.limit_over_100)
    total = store.state.value(f"select count(*) from orders where {condition}", values)  # noqa: S608 - fixed texts
    rows = store.state.rows(
        f"select * from orders where {condition} order by created desc, number desc limit ? offset ?",  # noqa: S608
        [*values, page_.limit, page_.offset],
    )
    return listing(total, page_, [show(row) for row in rows])


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /orders/{orderId}`."""
    return show(_row(store, identifier))


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /orders/{orderId}`: its payment status."""
    row = _row(store, identifier)
    status = body.get("paymentStatus", row["status"]) if isinstance(body, dict) else None
    if status not in PAYMENT:
        raise wrong("paymentStatus", f"expected one of {', '.join(PAYMENT)}")
    now = store.now()
    store.state.run(
        "update orders set status = ?, updated = ?, searchable = ? where number = ?",
        (status, now, store.searchable("order", row["number"]), row["number"]),
    )
    if row["customer"] is not None:
        customers.recount(store, row["customer"])
    store.touched("orders")
    return {"updateCount": 1}


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /orders`: totals as given; a coupon sticks only if it exists, and then it counts as used."""
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    status = body.get("paymentStatus", "PAID")
    if status not in PAYMENT:
        raise wrong("paymentStatus", f"expected one of {', '.join(PAYMENT)}")
    items, given = _items(store, body), body.get("discountCoupon")
    given = given if isinstance(given, dict) else {}
    coupon = coupons.by_code(store, str(given["code"])) if given.get("code") else None
    invented = given if given and store.switches.invented_coupon == "store" else None
    snapshot = coupons.show(store, coupon) if coupon is not None else invented
    order_id, number_ = place(
        store,
        email=str(body.get("email") or ""),
        items=items,
        subtotal=_amount(body, "subtotal"),
        total=_amount(body, "total"),
        used=snapshot,
        coupon_discount=_amount(body, "couponDiscount"),
        status=status,
    )
    if coupon is not None and store.switches.rest_orders_use_coupons:
        coupons.used_once_more(store, coupon)
    return {"id": number_, "orderid": order_id}


def place(
    store: Store,
    *,
    email: str,
    items: list[dict[str, Any]],
    subtotal: float,
    total: float,
    used: dict[str, Any] | None,
    coupon_discount: float,
    status: str,
) -> tuple[str, int]:
    """Write an order down; its public id and its number. A guest becomes a customer.

    `used` is the coupon as it was before this order; counting its use is the caller's.
    """
    now = store.now()
    number_ = int(store.state.value("select coalesce(max(number), 100000) from orders")) + 1
    customer_id = _customer(store, email)
    body = without_unset(
        {
            "subtotal": subtotal,
            "couponDiscount": coupon_discount,
            "discount": 0,
            "discountCoupon": used,
            "items": items,
            "email": email,
            "fulfillmentStatus": "AWAITING_PROCESSING",
        }
    )
    store.state.run(
        "insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number_, public_id(number_), customer_id, email.lower(), now, now,
            store.searchable("order", number_), status,
            str(used.get("code", "")).upper() if used else "", total, dump(body),
        ),
    )  # fmt: skip
    if customer_id is not None and status != "INCOMPLETE":
        customers.recount(store, customer_id)
    store.touched("orders")
    return public_id(number_), number_


def public_id(number_: int) -> str:
    """The id people see: five letters or more."""
    text, left = "", number_ * 7919
    while left:
        left, digit = divmod(left, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text.rjust(5, "A")


def _amount(body: dict[str, Any], name: str) -> float:
    raw = body.get(name) or 0
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise wrong(name, "not a number or a number out of range")
    return float(raw)


def _items(store: Store, body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise wrong("items", "expected a list of objects")
    if store.switches.item_without_quantity == "refuse" and any("quantity" not in item for item in items):
        raise ApiError(400, "Field OrderItem.quantity is absent", "WRONG_PARAMETER")
    return [{"quantity": 1, **item} for item in items]


def _customer(store: Store, email: str) -> int | None:
    if not email:
        return None
    found = store.state.value("select id from customers where email = ?", (email.lower(),))
    return int(found) if found is not None else customers.add(store, {"email": email})


def _row(store: Store, identifier: str) -> sqlite3.Row:
    row = store.state.row("select * from orders where id = ?", (identifier,))
    if row is None and identifier.isdigit():
        row = store.state.row("select * from orders where number = ?", (identifier,))
    if row is None:
        raise ApiError(404, f"Order #{identifier} not found", "ORDER_NOT_FOUND")
    return row


def show(row: sqlite3.Row) -> dict[str, Any]:
    """An order as it is answered."""
    return without_unset(
        {
            **json.loads(row["body"]),
            "id": row["id"],
            "internalId": row["number"],
            "orderNumber": row["number"],
            "vendorOrderNumber": row["id"],
            "customerId": row["customer"],
            "total": row["total"],
            "paymentStatus": row["status"],
            "createDate": out(row["created"]),
            "updateDate": out(row["updated"]),
            "createTimestamp": int(row["created"]),
            "updateTimestamp": int(row["updated"]),
        }
    )
