"""Orders: searched, read, and made by REST (dossier section 6)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox import coupons, customers
from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query, listing, moment, number, out, page, without_unset, wrong

PAYMENT = (
    "AWAITING_PAYMENT", "PAID", "CANCELLED", "REFUNDED", "PARTIALLY_REFUNDED", "INCOMPLETE",
    "CUSTOM_PAYMENT_STATUS_1", "CUSTOM_PAYMENT_STATUS_2", "CUSTOM_PAYMENT_STATUS_3",
)  # fmt: skip
_BOUNDS = {
    "createdFrom": ("cast(created as integer) >= ?", moment),
    "createdTo": ("cast(created as integer) <= ?", moment),
    "updatedFrom": ("cast(updated as integer) >= ?", moment),
    "updatedTo": ("cast(updated as integer) <= ?", moment),
    "customerId": ("customer = ?", number),
}
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /orders`: newest first; unfinished ones only when asked for."""
    where, values = ["searchable <= ?"], list[Any]([store.now()])
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
    for name, column, wanted in (
        ("paymentStatus", "status", query.get("paymentStatus", "").split(",")),
        ("ids", "id", query.get("ids", "").split(",")),
    ):
        if name in query:
            where.append(f"{column} in ({', '.join('?' * len(wanted))})")
            values += wanted
    if "paymentStatus" not in query:
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
        (status, now, now + store.switches.index_lag, row["number"]),
    )
    store.touched("orders")
    return {"updateCount": 1}


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /orders`: totals as given; a coupon sticks only if it exists, and then it counts as used."""
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    status = body.get("paymentStatus", "PAID")
    if status not in PAYMENT:
        raise wrong("paymentStatus", f"expected one of {', '.join(PAYMENT)}")
    given = (body.get("discountCoupon") or {}).get("code")
    coupon = coupons.find(store, str(given)) if given else None
    order_id, number_ = place(
        store,
        email=str(body.get("email") or ""),
        items=list(body.get("items") or ()),
        subtotal=float(body.get("subtotal") or 0),
        total=float(body.get("total") or 0),
        coupon=coupon,
        coupon_discount=float(body.get("couponDiscount") or 0),
        status=status,
    )
    return {"id": number_, "orderid": order_id}


def place(
    store: Store,
    *,
    email: str,
    items: list[dict[str, Any]],
    subtotal: float,
    total: float,
    coupon: sqlite3.Row | None,
    coupon_discount: float,
    status: str,
) -> tuple[str, int]:
    """Write an order down; its public id and its number. A guest becomes a customer, a coupon is used."""
    now = store.now()
    number_ = int(store.state.value("select coalesce(max(number), 100000) from orders")) + 1
    customer_id = _customer(store, email)
    snapshot = coupons.show(store, coupon) if coupon is not None else None
    body = without_unset(
        {
            "subtotal": subtotal,
            "couponDiscount": coupon_discount,
            "discount": 0,
            "discountCoupon": snapshot,
            "items": items,
            "email": email,
            "fulfillmentStatus": "AWAITING_PROCESSING",
        }
    )
    store.state.run(
        "insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number_, public_id(number_), customer_id, email.lower(), now, now, now + store.switches.index_lag, status,
            snapshot["code"].upper() if snapshot else "", total, dump(body),
        ),
    )  # fmt: skip
    if coupon is not None:
        coupons.used_once_more(store, coupon)
    if customer_id is not None and status != "INCOMPLETE":
        customers.bought(store, customer_id, total)
    store.touched("orders")
    return public_id(number_), number_


def public_id(number_: int) -> str:
    """The id people see: five letters or more."""
    text, left = "", number_ * 7919
    while left:
        left, digit = divmod(left, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text.rjust(5, "A")


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
