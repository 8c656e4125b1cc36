"""Customers: searched, read, and asked whether e-mails are welcome (dossier section 8)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.state import dump
from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query, flag, listing, moment, number, out, page, without_unset, wrong

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
_BOUNDS = {
    "createdFrom": ("cast(registered as integer) >= ?", moment),
    "createdTo": ("cast(registered as integer) <= ?", moment),
    "updatedFrom": ("cast(updated as integer) >= ?", moment),
    "updatedTo": ("cast(updated as integer) <= ?", moment),
    "minOrderCount": ("orders >= ?", number),
    "maxOrderCount": ("orders <= ?", number),
    "minSalesValue": ("spent >= ?", number),
    "maxSalesValue": ("spent <= ?", number),
}


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /customers`; the index lags writes."""
    where, values = ["searchable <= ?"], list[Any]([store.now()])
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
        where.append("email = ?" if exact else "email like '%' || ? || '%'")
        values.append(query["email"].lower())
    if "keyword" in query:
        where.append("(email like '%' || ? || '%' or name like '%' || ? || '%')")
        values += [query["keyword"]] * 2
    for name, column in (("lang", "lang"), ("countryCodes", "country")):
        if name in query:
            wanted = query[name].split(",")
            where.append(f"{column} in ({', '.join('?' * len(wanted))})")
            values += wanted


def _order(query: Query) -> str:
    asked = query.get("sortBy", "NAME_ASC")
    name, _, direction = asked.rpartition("_")
    if name not in _SORTS or direction not in {"ASC", "DESC"}:
        raise wrong("sortBy", f"expected one of {', '.join(f'{one}_ASC, {one}_DESC' for one in _SORTS)}")
    return f"{_SORTS[name]} {direction.lower()}, id"


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
            "update customers set email = ?, consent = ?, lang = ?, name = ?, updated = ?, searchable = ?, body = ?"
            " where id = ?",
            (email.lower(), consent, lang, person.get("name", ""), now, now + store.switches.index_lag, dump(kept), row["id"]),
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
        customer_id, email.lower(), now, now, now + store.switches.index_lag, 0, 0.0, None, None,
        None if consent is None else int(consent), str(body.get("lang") or ""), person.get("countryCode", ""), "General",
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
    row = store.state.row("select * from customers where id = ?", (identifier,)) if identifier.isdigit() else None
    if row is None:
        raise ApiError(404, f"Customer #{identifier} not found")
    return row


def show(row: sqlite3.Row) -> dict[str, Any]:
    """A customer as it is answered. `totalOrderCount` is 0 whatever they bought, as in the vendor's own examples."""
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
            "customerGroupId": 0 if row["group_name"] == "General" else 1,
            "customerGroupName": row["group_name"],
            "acceptMarketing": None if row["consent"] is None else bool(row["consent"]),
            "lang": row["lang"] or None,
            "stats": without_unset(stats),
        }
    )


def bought(store: Store, customer_id: int, total: float) -> None:
    """A customer placed an order: their figures move."""
    now = store.now()
    store.state.run(
        "update customers set orders = orders + 1, spent = spent + ?, first_order = coalesce(first_order, ?),"
        " last_order = ?, updated = ?, searchable = ? where id = ?",
        (total, now, now, now, now + store.switches.index_lag, customer_id),
    )
