"""Customers: made, read, changed and deleted (dossier section 8). Finding them is `customer_search.py`."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.areas import deleted, groups
from tillroll.sandbox.areas.profile import LANGUAGES
from tillroll.sandbox.memory.state import dump, load
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, out

_FIELDS: dict[str, fields.Kind] = {
    "email": fields.text(320),
    "billingPerson": fields.an_object,
    "shippingAddresses": fields.objects,
    "contacts": fields.objects,
    "customerGroupId": fields.whole,
    "acceptMarketing": fields.boolean,
    "lang": fields.text(10),
    "taxExempt": fields.boolean,
    "taxId": fields.text(),
    "taxIdValid": fields.boolean,
    "b2b_b2c": fields.one_of("b2b", "b2c"),
    "fiscalCode": fields.text(),
    "electronicInvoicePecEmail": fields.text(),
    "electronicInvoiceSdiCode": fields.text(),
    "privateAdminNotes": fields.text(),
    "externalReferenceId": fields.text(),
    "extrafields": fields.objects,
}
COLUMNS = (
    "id, registered, updated, orders, spent, first_order, last_order, consent, lang, name, body, group_id"
)
"""What `show` needs of a row, in this order."""
_APART = ("customerGroupId", "acceptMarketing", "lang")


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /customers/{id}`."""
    return show(row(store, identifier, columns=COLUMNS), groups.names(store))


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /customers`."""
    sent = _checked(store, body)
    if not sent.get("email"):
        raise fields.absent("Customer.email")
    return {"id": add(store, sent)}


def add(store: Store, sent: dict[str, Any]) -> int:
    """A new customer of checked fields; a used e-mail is a conflict."""
    now, customer = store.now(), store.state.next_id("customers")
    consent = sent.get("acceptMarketing")
    kept = {name: value for name, value in sent.items() if name not in _APART}
    kept["billingPerson"] = _with_names(sent.get("billingPerson") or {})
    try:
        store.state.run(
            "insert into customers (id, email, registered, updated, searchable, orders, spent, consent, lang,"
            " country, name, group_id, body) values (?, ?, ?, ?, ?, 0, 0.0, ?, ?, ?, ?, ?, ?)",
            (
                customer, sent["email"].lower(), now, now, store.searchable("customer", customer),
                None if consent is None else int(consent), sent.get("lang", ""),
                kept["billingPerson"].get("countryCode", ""), kept["billingPerson"].get("name", ""),
                sent.get("customerGroupId", 0), dump(kept),
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError as fault:
        raise _taken() from fault
    store.happened("customer.created", customer, {"customerEmail": sent["email"]})
    return customer


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customers/{id}`: a merge."""
    found, sent = row(store, identifier), _checked(store, body)
    keep(store, found, sent)
    return {"updateCount": 1}


def keep(store: Store, found: sqlite3.Row, sent: dict[str, Any]) -> None:
    """Write a customer's checked changes down."""
    before = load(found["body"])
    kept = {**before, **{name: value for name, value in sent.items() if name not in _APART}}
    kept["email"] = kept.get("email") or before["email"]
    person = _with_names({**before.get("billingPerson", {}), **sent.get("billingPerson", {})})
    kept["billingPerson"] = person
    consent = sent.get("acceptMarketing")
    try:
        store.state.run(
            "update customers set email = ?, consent = ?, lang = ?, country = ?, name = ?, group_id = ?,"
            " updated = ?, searchable = ?, body = ? where id = ?",
            (
                kept["email"].lower(), found["consent"] if consent is None else int(consent),
                sent.get("lang") or found["lang"], person.get("countryCode", ""), person.get("name", ""),
                sent.get("customerGroupId", found["group_id"]), store.now(),
                store.searchable("customer", found["id"]), dump(kept), found["id"],
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError as fault:
        raise _taken() from fault
    store.happened("customer.updated", found["id"], {"customerEmail": kept["email"]})


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /customers/{id}`."""
    found = row(store, identifier)
    store.state.run("delete from customers where id = ?", (found["id"],))
    deleted.remember(store, "customers", found["id"])
    store.happened("customer.deleted", found["id"], {"customerEmail": load(found["body"])["email"]})
    return {"deleteCount": 1}


def row(store: Store, identifier: str, *, columns: str = "*") -> sqlite3.Row:
    """A customer by id; 404 when there is none."""
    found = (
        store.state.row(f"select {columns} from customers where id = ?", (identifier,))  # noqa: S608 - fixed texts
        if identifier.isdigit()
        else None
    )
    if found is None:
        raise ApiError(404, f"Customer #{identifier} not found")
    return found


def show(row: sqlite3.Row, group_names: dict[int, str]) -> dict[str, Any]:
    """A customer as it is answered; the row has `COLUMNS`. Nobody may change what this answers."""
    return _shown(tuple(row), group_names.get(row["group_id"], "General"))


@lru_cache(maxsize=4_000)
def _shown(row: tuple[Any, ...], group_name: str) -> dict[str, Any]:
    """`totalOrderCount` is 0 for everybody, as in the vendor's examples."""
    customer, registered, updated, orders, spent, first, last, consent, lang, name, body, group = row
    kept: dict[str, Any] = load(body)
    stats = {
        "numberOfOrders": orders,
        "salesValue": round(spent, 2),
        "averageOrderValue": round(spent / orders, 2) if orders else 0,
    }
    if first is not None:
        stats["firstOrderDate"] = out(first)
        stats["lastOrderDate"] = out(last)
    contact = {"id": customer, "contact": kept["email"], "type": "EMAIL", "default": True, "orderBy": 0}
    kept["contacts"] = [contact, *kept["contacts"]] if "contacts" in kept else [contact]
    kept["id"] = customer
    kept["registered"] = out(registered)
    kept["updated"] = out(updated)
    kept["totalOrderCount"] = 0
    kept["customerGroupId"] = group
    kept["customerGroupName"] = group_name
    kept["stats"] = stats
    if name:
        kept["name"] = name
    if consent is not None:
        kept["acceptMarketing"] = consent == 1
    if lang:
        kept["lang"] = lang
    return kept


def recount(store: Store, customer: int) -> None:
    """A customer's orders changed: their figures are drawn anew from the orders, undone ones left out."""
    store.state.run(
        "update customers set (orders, spent, first_order, last_order) ="
        " (select count(*), coalesce(sum(total), 0), min(created), max(created) from orders"
        "   where customer = customers.id and status not in ('INCOMPLETE', 'CANCELLED', 'REFUNDED')),"
        " updated = ?, searchable = ? where id = ?",
        (store.now(), store.searchable("customer", customer), customer),
    )
    body = store.state.value("select body from customers where id = ?", (customer,))
    if body is not None:
        store.happened("customer.updated", customer, {"customerEmail": load(body)["email"]})


def _checked(store: Store, body: Any) -> dict[str, Any]:
    sent = fields.read(body, _FIELDS)
    if sent.get("lang") and sent["lang"] not in LANGUAGES and store.switches.unknown_language == "refuse":
        raise ApiError(400, f"Language {sent['lang']} is not enabled", "LANGUAGES_NOT_ALLOWED")
    if sent.get("customerGroupId"):
        groups.row(store, str(sent["customerGroupId"]))
    for name in ("shippingAddresses", "contacts"):
        for one in sent.get(name, ()):
            one.setdefault("id", store.state.next_number(name, after=1_000_000))
    if not store.switches.write_customer_extra_fields:
        sent.pop("extrafields", None)
    if "extrafields" in sent:
        sent["extrafields"] = [_named(store, one) for one in sent["extrafields"]]
    return sent


def _named(store: Store, value: dict[str, Any]) -> dict[str, Any]:
    """An extra field's value with what the owner calls the field, by its key."""
    body = store.state.value("select body from extra_fields where key = ?", (value.get("key"),))
    told = load(body) if body is not None else {}
    return {**{name: told[name] for name in ("title", "type", "entityTypes") if name in told}, **value}


def _with_names(person: dict[str, Any]) -> dict[str, Any]:
    """First and last name are known when the name has two words."""
    words = str(person.get("name") or "").split()
    person = {name: value for name, value in person.items() if name not in {"firstName", "lastName"}}
    return {**person, "firstName": words[0], "lastName": words[1]} if len(words) == 2 else person


def _taken() -> ApiError:
    return ApiError(409, "Customer with the given email already exists")
