"""Recurring subscriptions: goods that are charged and sent again and again (dossier section 6.8)."""

from __future__ import annotations

import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import orders
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import (
    Query,
    listing,
    moment,
    number,
    one_of,
    out,
    page,
    whole_numbers,
    wrong,
)
from tillroll.sandbox.state import documents
from tillroll.sandbox.state.store import SandboxStore

_KIND = "subscriptions"
_STATUSES = ("ACTIVE", "CANCELLED", "LAST_CHARGE_FAILED", "REQUIRES_PAYMENT_CONFIRMATION")
_INTERVALS = {"DAY": (1,), "WEEK": (1, 2), "MONTH": (1, 3), "YEAR": (1,)}
_DATES = {
    "created": "created",
    "cancelled": "cancelled",
    "updated": "statusUpdated",
    "nextCharge": "nextCharge",
}
"""The search's name of a date to the field that holds it."""
_TEMPLATE = {
    "id", "email", "additionalInfo", "orderComments", "paymentMethod", "paymentModule", "total", "subtotal", "usdTotal", "tax",
    "customerTaxExempt", "customerTaxId", "customerTaxIdValid", "reversedTaxApplied", "items", "billingPerson",
    "shippingPerson", "shippingOption", "handlingFee", "pricesIncludeTax",
}  # fmt: skip
_SORTS = {
    "DATE_CREATED_ASC": ("created", False), "DATE_CREATED_DESC": ("created", True),
    "NEXT_CHARGE_ASC": ("nextCharge", False), "NEXT_CHARGE_DESC": ("nextCharge", True),
}  # fmt: skip


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /subscriptions`: newest first."""
    (sort,) = one_of("sortBy", query.get("sortBy", "DATE_CREATED_DESC"), _SORTS)
    field, falling = _SORTS[sort]
    found = [one for one in documents.every(store.state, _KIND) if _fits(one, query)]
    found.sort(key=lambda one: (one.get(field, ""), one["subscriptionId"]), reverse=falling)
    page_ = page(query, over=store.switches.limit_over_100)
    return listing(len(found), page_, found[page_.offset : page_.offset + page_.limit])


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /subscriptions/{id}`."""
    return documents.get(store.state, _KIND, identifier, f"Subscription #{identifier} not found")


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /subscriptions/{id}`: its status, its next charge and how often it is charged."""
    kept = get(store, identifier)
    kinds: dict[str, fields.Kind] = {
        "chargeSettings": _interval, "nextCharge": fields.date, "status": fields.one_of(*_STATUSES),
    }  # fmt: skip
    sent, now = fields.read(body, kinds), store.now()
    if "nextCharge" in sent:
        sent["nextCharge"] = out(sent["nextCharge"])
    if sent.get("status", kept["status"]) != kept["status"]:
        sent["statusUpdated"] = out(now)
        if sent["status"] == "CANCELLED":
            sent["cancelled"] = out(now)
    documents.keep(store.state, _KIND, identifier, {**kept, **sent, "updateTimestamp": int(now * 1000)})
    return {"updateCount": 1}


def begin(store: SandboxStore, row: sqlite3.Row, *, interval: str, cancelled: bool) -> None:
    """Begin a subscription with an order's goods, as of its date; `cancelled`: it ended after its first charge."""
    order = orders.show(row)
    number_, made = store.state.next_number(_KIND, after=66_800), order["createTimestamp"]
    ended = {"cancelled": out(made + 86_400)} if cancelled else {}
    template = {name: value for name, value in order.items() if name in _TEMPLATE}
    body = {
        "subscriptionId": number_, "customerId": order.get("customerId"),
        "status": "CANCELLED" if cancelled else "ACTIVE", "statusUpdated": out(made), "created": out(made), **ended,
        "nextCharge": out(made + 30 * 86_400), "createTimestamp": made * 1000, "updateTimestamp": made * 1000,
        "chargeSettings": {"recurringInterval": interval, "recurringIntervalCount": 1},
        "paymentMethod": {"creditCardMaskedNumber": "*1111", "creditCardBrand": "visa"},
        "orderTemplate": template,
        "orders": [{"id": order["orderNumber"], "total": order["total"], "createDate": order["createDate"]}],
    }  # fmt: skip
    documents.keep(store.state, _KIND, str(number_), body)


def _interval(name: str, raw: Any) -> dict[str, Any]:
    sent = fields.read(
        raw, {"recurringInterval": fields.one_of(*_INTERVALS), "recurringIntervalCount": fields.whole}
    )
    count = sent.get("recurringIntervalCount", 1)
    if count not in _INTERVALS.get(sent.get("recurringInterval", ""), ()):
        raise wrong(name, "the store charges daily, weekly, every two weeks, monthly, quarterly or yearly")
    return {**sent, "recurringIntervalCount": count}


def _fits(one: dict[str, Any], query: Query) -> bool:
    """Return whether a subscription fits all conditions of a search. Dates are compared as texts: all are UTC."""
    template, charge = one["orderTemplate"], one["chargeSettings"]
    texts = {
        "id": str(one["subscriptionId"]), "customerId": str(one["customerId"]), "status": one["status"],
        "email": template["email"], "orderId": template["id"],
        "recurringInterval": charge["recurringInterval"],
        "recurringIntervalCount": str(charge["recurringIntervalCount"]),
    }  # fmt: skip
    for name in ("id", "customerId"):
        if name in query:
            number(name, query[name])
    if any(name in query and query[name].lower() != text.lower() for name, text in texts.items()):
        return False
    if "productId" in query:
        wanted = set(whole_numbers("productId", query["productId"]))
        if not wanted & {item.get("productId") for item in template["items"]}:
            return False
    for name, field in _DATES.items():
        date = one.get(field, "")
        if f"{name}From" in query and date < str(out(moment(name, query[f"{name}From"]))):
            return False
        if f"{name}To" in query and (not date or date > str(out(moment(name, query[f"{name}To"])))):
            return False
    return True
