"""Searching and reading orders (dossier sections 6.1 to 6.6). Writing them is `placing.py`."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import quote

from tillroll.sandbox.endpoints import order_fields
from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats.wire import ApiError, Query, decimal, flag, moment, number, one_of, out, window
from tillroll.sandbox.state.database import dump, load
from tillroll.sandbox.state.store import SandboxStore

PAYMENT = (
    "AWAITING_PAYMENT", "PAID", "CANCELLED", "REFUNDED", "PARTIALLY_REFUNDED", "INCOMPLETE",
    "CUSTOM_PAYMENT_STATUS_1", "CUSTOM_PAYMENT_STATUS_2", "CUSTOM_PAYMENT_STATUS_3",
)  # fmt: skip
FULFILLMENT = (
    "AWAITING_PROCESSING", "PROCESSING", "SHIPPED", "DELIVERED", "WILL_NOT_DELIVER", "RETURNED",
    "READY_FOR_PICKUP", "OUT_FOR_DELIVERY", "CUSTOM_FULFILLMENT_STATUS_1", "CUSTOM_FULFILLMENT_STATUS_2",
    "CUSTOM_FULFILLMENT_STATUS_3",
)  # fmt: skip
_SHOWN = ("number", "id", "customer", "created", "updated", "status", "total", "body", "hidden")
_PICKUP = "json_extract(body, '$.pickupTime')"
_BOUNDS = {
    **window("created"),
    "totalFrom": ("total >= ?", decimal),
    "totalTo": ("total <= ?", decimal),
    "customerId": ("customer = ?", number),
    "refererId": ("json_extract(body, '$.refererId') = ?", number),
    "subscriptionId": ("json_extract(body, '$.subscriptionId') = ?", number),
    "pickupTimeFrom": (f"cast(strftime('%s', substr({_PICKUP}, 1, 19)) as integer) >= ?", moment),
    "pickupTimeTo": (f"cast(strftime('%s', substr({_PICKUP}, 1, 19)) as integer) <= ?", moment),
}
_IN_BODY = {
    "paymentMethod": "$.paymentMethod",
    "paymentModule": "$.paymentModule",
    "shippingMethod": "$.shippingOption.shippingMethodName",
}
_ANY_TEXT = (
    "(instr(folded(id), ?) > 0 or exists (select 1 from json_tree(orders.body)"
    " where type = 'text' and instr(folded(atom), ?) > 0))"
)
_BOUGHT = "exists (select 1 from json_each(body, '$.items') where json_extract(value, '$.productId') in ({}))"
_PREORDER = "exists (select 1 from json_each(body, '$.items') where json_extract(value, '$.isPreorder'))"


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /orders`: newest first; unfinished ones only if asked for."""
    orders = Search(store, "orders", query)
    orders.indexed("created")
    if "orderNumber" in query:
        orders.where("number = ?", number("orderNumber", query["orderNumber"]))
    else:
        _filters(query, orders)
    newest = store.switches.orders_sorted == "newest_first"
    return orders.answer("created desc, number desc" if newest else "created, number", show, remember=True)


def _filters(query: Query, orders: Search) -> None:
    orders.bounds(_BOUNDS)
    contact_filters(query, orders)
    if "ids" in query or "vendorOrderNumber" in query:
        wanted = (query.get("ids") or query.get("vendorOrderNumber", "")).split(",")
        marks = ", ".join("?" * len(wanted))
        orders.where(f"(id in ({marks}) or cast(number as text) in ({marks}))", *wanted, *wanted)
    if "keywords" in query:
        orders.where(_ANY_TEXT, *[query["keywords"].casefold()] * 2)
    if "productId" in query:
        bought = [number("productId", product) for product in query["productId"].split(",")]
        orders.where(_BOUGHT.format(", ".join("?" * len(bought))), *bought)
    if "containsPreorderItems" in query:
        wants = flag("containsPreorderItems", query["containsPreorderItems"])
        orders.where(_PREORDER if wants else f"not {_PREORDER}")
    for name, place in _IN_BODY.items():
        if name in query:
            orders.where(f"json_extract(body, '{place}') = ?", query[name])
    if "fulfillmentStatus" in query:
        wanted = one_of("fulfillmentStatus", query["fulfillmentStatus"], FULFILLMENT)
        orders.among("json_extract(body, '$.fulfillmentStatus')", wanted)
    if "paymentStatus" in query:
        orders.among("status", one_of("paymentStatus", query["paymentStatus"], PAYMENT))
    else:
        orders.all_but("status", "INCOMPLETE")


def contact_filters(query: Query, orders: Search) -> None:
    """Return the conditions that orders and carts share: the customer and the coupon."""
    if "couponCode" in query:
        orders.where("coupon = ?", query["couponCode"].upper())
    if "email" in query:
        orders.where("email = ?", query["email"].lower())
    if "customer" in query:
        term = query["customer"].casefold()
        names = "instr(folded(coalesce(json_extract(body, '$.billingPerson.name'), '')), ?) > 0"
        orders.where(f"(instr(email, ?) > 0 or {names})", term, term)
    if "acceptMarketing" in query:
        welcome = flag("acceptMarketing", query["acceptMarketing"])
        orders.where("coalesce(json_extract(body, '$.acceptMarketing'), 1) = ?", int(welcome))


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /orders/{orderId}`."""
    return show(row(store, identifier))


def last(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /orders/last`: the newest, or the newest of `customerEmail`."""
    email = query.get("customerEmail", "").lower()
    order = store.state.row(
        "select * from orders where status != 'INCOMPLETE' and (? = '' or email = ?)"
        " order by created desc, number desc limit 1",
        (email, email),
    )
    if order is None:
        raise ApiError(404, "Order not found", "ORDER_NOT_FOUND")
    return show(order)


def row(store: SandboxStore, identifier: str) -> sqlite3.Row:
    """Return an order by its public id or its number. Raises 404."""
    order = store.state.row("select * from orders where id = ?", (identifier,))
    if order is None and identifier.isdigit():
        order = store.state.row("select * from orders where number = ?", (identifier,))
    if order is None:
        raise ApiError(404, f"Order #{identifier} not found", "ORDER_NOT_FOUND")
    return order


def show(row: sqlite3.Row) -> dict[str, Any]:
    """Return an order as answers show it."""
    number_, public_id, customer, created, updated, status, total, body, hidden = (
        row[name] for name in _SHOWN
    )
    kept = order_fields.complete(load(body), total, number_)
    kept["id"] = kept["vendorOrderNumber"] = kept["publicUid"] = public_id
    kept["internalId"] = kept["orderNumber"] = number_
    kept["total"] = total
    kept["paymentStatus"] = status
    kept["createDate"] = out(created)
    kept["updateDate"] = out(updated)
    kept["createTimestamp"] = int(created)
    kept["updateTimestamp"] = int(updated)
    if customer is not None:
        kept["customerId"] = customer
    kept["hidden"] = bool(hidden)
    return kept


def repeat_url(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /orders/{orderId}/repeatURL`: a storefront link that fills the cart with the same items."""
    items = load(row(store, identifier)["body"]).get("items", [])
    products = [
        {"id": item["productId"], "quantity": item["quantity"]} for item in items if "productId" in item
    ]
    return {"repeatOrderUrl": f"{store.url}#!/~/cart/create={quote(dump({'products': products}))}"}


def extra_fields(store: SandboxStore, identifier: str) -> list[dict[str, Any]]:
    """`GET /orders/{orderId}/extraFields`."""
    kept = load(row(store, identifier)["body"])
    extra: list[dict[str, Any]] = kept.get("orderExtraFields", [])
    return extra
