"""Customers: searched, read, and asked whether e-mails are welcome (dossier section 8)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import (
    ApiError,
    Query,
    decimal,
    flag,
    indexed,
    listing,
    moment,
    number,
    out,
    page,
    without_unset,
    wrong,
)

_SORTS = {
    "NAME": "name",
    "EMAIL": "email",
    "ORDER_COUNT": "orders",
    "REGISTERED_DATE": "registered",
    "UPDATED_DATE": "updated",
    "SALES_VALUE": "spent",
    "FIRST_ORDER_DATE": "first_order",
    "LAST_ORDER_DATE": "last_order",
}
GROUPS = ("General", "Staff")
"""Customer groups by their id; General always exists."""

_BOUNDS = {
    "createdFrom": ("registered >= ?", moment),
    "createdTo": ("registered < ? + 1", moment),
    "updatedFrom": ("updated >= ?", moment),
    "updatedTo": ("updated < ? + 1", moment),
    "minOrderCount": ("orders >= ?", number),
    "maxOrderCount": ("orders <= ?", number),
    "minSalesValue": ("spent >= ?", decimal),
    "maxSalesValue": ("spent <= ?", decimal),
}


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /customers`; the index lags writes."""
    where, values = [indexed(query, "registered")], list[Any]([store.now()])
    for name, (clause, parse) in _BOUNDS.items():
        if name in query:
            where.append(clause)
            values.append(parse(name, query[name]))
    _text_filters(query, where, values)
    condition = " and ".join(where)
    page_ = page(query, over=store.switches.limit_over_100)
    total = store.state.value(f"select count(*) from customers where {condition}", values)  # noqa: S608 - fixed texts
    rows = store.state.rows(
        f"select * from customers where {condition} order by {_order(query)} limit ? offset ?",  # noqa: S608 - fixed texts
        [*values, page_.limit, page_.offset],
    )
    everybody = store.state.value("select count(*) from customers")
    return {**listing(total, page_, [show(row) for row in rows]), "allCustomerCount": everybody}


def _text_filters(query: Query, where: list[str], values: list[Any]) -> None:
    if "acceptMarketing" in query:
        where.append("consent = ?")
        values.append(int(flag("acceptMarketing", query["acceptMarketing"])))
    if "email" in query:
        exact = flag("useExactEmailMatch", query.get("useExactEmailMatch", "false"))
        where.append("email = ?" if exact else "instr(email, ?) > 0")
        values.append(query["email"].lower())
    if "keyword" in query:
        where.append("(instr(email, ?) > 0 or instr(folded(name), ?) > 0)")
        values += [query["keyword"].lower(), query["keyword"].casefold()]
    if "name" in query:
        where.append("instr(folded(name), ?) > 0")
        values.append(query["name"].casefold())
    for name, column in (("lang", "lang"), ("countryCodes", "country"), ("customerGroupIds", "group_name")):
        if name in query:
            wanted = query[name].split(",")
            if name == "customerGroupIds":
                wanted = [GROUPS[number(name, one)] for one in wanted if number(name, one) < len(GROUPS)]
            where.append(f"{column} in ({', '.join('?' * len(wanted))})")
            values += wanted


def _order(query: Query) -> str:
    asked = query.get("sortBy", "NAME_ASC")
    name, _, direction = asked.rpartition("_")
    if name not in _SORTS or direction not in {"ASC", "DESC"}:
        raise wrong("sortBy", f"expected one of {', '.join(f'{one}_ASC, {one}_DESC' for one in _SORTS)}")
    return f"{_SORTS[name]} {direction.lower()}, id"


def groups(store: Store, query: Query) -> dict[str, Any]:
    """`GET /customer_groups`."""
    page_ = page(query, over=store.switches.limit_over_100)
    found: list[dict[str, Any]] = [{"id": number_, "name": name} for number_, name in enumerate(GROUPS)]
    return listing(len(found), page_, found[page_.offset : page_.offset + page_.limit])


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /customers/{id}`."""
    return show(_row(store, identifier))


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customers/{id}`: consent, language, name and e-mail."""
    row = _row(store, identifier)
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    kept = json.loads(row["body"])
    consent = row["consent"]
    if "acceptMarketing" in body:
        if not isinstance(body["acceptMarketing"], bool):
            raise wrong("acceptMarketing", "expected a boolean")
        consent = int(body["acceptMarketing"])
    email = str(body.get("email") or kept["email"])
    kept["email"] = email
    person = {**kept.get("billingPerson", {}), **(body.get("billingPerson") or {})}
    kept["billingPerson"] = person
    lang = str(body.get("lang") or row["lang"])
    now = store.now()
    try:
        store.state.run(
            "update customers set email = ?, consent = ?, lang = ?, name = ?, updated = ?, searchable = ?,"
            " body = ?"
            " where id = ?",
            (
                email.lower(),
                consent,
                lang,
                person.get("name", ""),
                now,
                store.searchable("customer", row["id"]),
                dump(kept),
                row["id"],
            ),
        )
    except sqlite3.IntegrityError as fault:
        raise ApiError(409, "Customer with the given email already exists") from fault
    store.touched("customers")
    return {"updateCount": 1}


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /customers`."""
    if not isinstance(body, dict) or not body.get("email"):
        raise ApiError(400, "Field Customer.email is absent", "WRONG_PARAMETER")
    return {"id": add(store, body)}


def add(store: Store, body: dict[str, Any]) -> int:
    """A new customer; a used e-mail is a conflict."""
    email, person, now = str(body["email"]), dict(body.get("billingPerson") or {}), store.now()
    if len(person.get("name", "").split()) == 2:
        person["firstName"], person["lastName"] = person["name"].split()
    consent = body.get("acceptMarketing")
    customer_id = int(store.state.value("select coalesce(max(id), 0) from customers")) + 1
    values = (
        customer_id, email.lower(), now, now, store.searchable("customer", customer_id), 0, 0.0, None, None,
        None if consent is None else int(consent), str(body.get("lang") or ""),
        person.get("countryCode", ""), "General",
        person.get("name", ""), dump({"email": email, "billingPerson": person}),
    )  # fmt: skip
    try:
        store.state.run(f"insert into customers values ({', '.join('?' * len(values))})", values)  # noqa: S608
    except sqlite3.IntegrityError as fault:
        raise ApiError(409, "Customer with the given email already exists") from fault
    store.touched("customers")
    return customer_id


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /customers/{id}`."""
    row = _row(store, identifier)
    store.state.run("delete from customers where id = ?", (row["id"],))
    store.touched("customers")
    return {"deleteCount": 1}


def _row(store: Store, identifier: str) -> sqlite3.Row:
    row = (
        store.state.row("select * from customers where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if row is None:
        raise ApiError(404, f"Customer #{identifier} not found")
    return row


def show(row: sqlite3.Row) -> dict[str, Any]:
    """A customer as it is answered. `totalOrderCount` is 0 for everybody, as in the vendor's examples."""
    kept = json.loads(row["body"])
    orders, spent = row["orders"], round(row["spent"], 2)
    stats = {
        "numberOfOrders": orders,
        "salesValue": spent,
        "averageOrderValue": round(spent / orders, 2) if orders else 0,
        "firstOrderDate": out(row["first_order"]),
        "lastOrderDate": out(row["last_order"]),
    }
    return without_unset(
        {
            **kept,
            "id": row["id"],
            "name": row["name"] or None,
            "registered": out(row["registered"]),
            "updated": out(row["updated"]),
            "totalOrderCount": 0,
            "customerGroupId": GROUPS.index(row["group_name"]),
            "customerGroupName": row["group_name"],
            "acceptMarketing": None if row["consent"] is None else bool(row["consent"]),
            "lang": row["lang"] or None,
            "stats": without_unset(stats),
        }
    )


def recount(store: Store, customer_id: int) -> None:
    """A customer's orders changed: their figures are drawn anew from the orders, undone ones left out."""
    store.state.run(
        "update customers set (orders, spent, first_order, last_order) ="
        " (select count(*), coalesce(sum(total), 0), min(created), max(created) from orders"
        "   where customer = customers.id and status not in ('INCOMPLETE', 'CANCELLED', 'REFUNDED')),"
        " updated = ?, searchable = ? where id = ?",
        (store.now(), store.searchable("customer", customer_id), customer_id),
    )
    store.touched("customers")
