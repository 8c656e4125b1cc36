"""Creating, reading, changing and deleting customers (dossier section 8). The search is `customer_search.py`."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

from tillroll.sandbox.endpoints import deleted, groups
from tillroll.sandbox.endpoints.profile import LANGUAGES
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, out
from tillroll.sandbox.state.database import dump, load
from tillroll.sandbox.state.store import SandboxStore

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
"""The columns that `show` needs, in this order."""
_UNSET: dict[str, Any] = {
    "shippingAddresses": [], "taxExempt": False, "taxId": "", "taxIdValid": True, "b2b_b2c": "b2c", "fiscalCode": "",
    "electronicInvoicePecEmail": "", "electronicInvoiceSdiCode": "", "privateAdminNotes": "", "favorites": [],
}  # fmt: skip
"""What a customer shows where nobody wrote anything."""
_APART = ("customerGroupId", "acceptMarketing", "lang")


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /customers/{id}`."""
    return show(row(store, identifier, columns=COLUMNS), groups.names(store))


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /customers`: a bare `name`, as in the documentation's example, is the name of the billing person."""
    sent = _checked(store, body)
    if not sent.get("email"):
        raise fields.absent("Customer.email")
    return {"id": add(store, _with_bare_name(sent, body))}


def add(store: SandboxStore, sent: dict[str, Any]) -> int:
    """Insert a customer with checked fields. Raises 409 if the e-mail is in use."""
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


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /customers/{id}`: a merge; a bare `name` is the billing person's, as in a creation."""
    customer, sent = row(store, identifier), _checked(store, body)
    keep(store, customer, _with_bare_name(sent, body))
    return {"updateCount": 1}


def keep(store: SandboxStore, customer: sqlite3.Row, sent: dict[str, Any]) -> None:
    """Store a customer's checked changes."""
    before = load(customer["body"])
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
                kept["email"].lower(), customer["consent"] if consent is None else int(consent),
                sent.get("lang") or customer["lang"], person.get("countryCode", ""), person.get("name", ""),
                sent.get("customerGroupId", customer["group_id"]), store.now(),
                store.searchable("customer", customer["id"]), dump(kept), customer["id"],
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError as fault:
        raise _taken() from fault
    store.happened("customer.updated", customer["id"], {"customerEmail": kept["email"]})


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /customers/{id}`."""
    customer = row(store, identifier)
    store.state.run("delete from customers where id = ?", (customer["id"],))
    deleted.remember(store, "customers", customer["id"])
    store.happened("customer.deleted", customer["id"], {"customerEmail": load(customer["body"])["email"]})
    return {"deleteCount": 1}


def row(store: SandboxStore, identifier: str, *, columns: str = "*") -> sqlite3.Row:
    """Return a customer by id. Raises 404."""
    customer = (
        store.state.row(f"select {columns} from customers where id = ?", (identifier,))  # noqa: S608 - fixed texts
        if identifier.isdigit()
        else None
    )
    if customer is None:
        raise ApiError(404, f"Customer #{identifier} not found")
    return customer


def show(row: sqlite3.Row, group_names: dict[int, str]) -> dict[str, Any]:
    """Return a customer as answers show it; the row has `COLUMNS`. Do not change the returned value."""
    return _shown(tuple(row), group_names.get(row["group_id"], "General"))


@lru_cache(maxsize=4_000)
def _shown(row: tuple[Any, ...], group_name: str) -> dict[str, Any]:
    """Build the answer. `totalOrderCount` is always 0, as in the vendor's examples."""
    customer, registered, updated, orders, spent, first, last, consent, lang, name, body, group = row
    kept: dict[str, Any] = {**_UNSET, **load(body)}
    stats = {
        "numberOfOrders": orders,
        "salesValue": round(spent, 2),
        "averageOrderValue": round(spent / orders, 2) if orders else 0,
    }
    if first is not None:
        stats["firstOrderDate"] = out(first)
        stats["lastOrderDate"] = out(last)
    contact = {"id": customer, "contact": kept["email"], "type": "EMAIL", "default": True, "orderBy": 0}
    contact["timestamp"] = out(registered)
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


def recount(store: SandboxStore, customer: int) -> None:
    """Recompute a customer's figures from their orders, without those that were undone."""
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


def _checked(store: SandboxStore, body: Any) -> dict[str, Any]:
    sent = fields.read(body, _FIELDS)
    if sent.get("lang") and sent["lang"] not in LANGUAGES and store.switches.unknown_language == "refuse":
        raise ApiError(400, f"Language {sent['lang']} is not enabled", "LANGUAGES_NOT_ALLOWED")
    if sent.get("customerGroupId"):
        groups.row(store, str(sent["customerGroupId"]))
    for name in ("shippingAddresses", "contacts"):
        for field in sent.get(name, ()):
            field.setdefault("id", store.state.next_number(name, after=1_000_000))
    if not store.switches.write_customer_extra_fields:
        sent.pop("extrafields", None)
    if "extrafields" in sent:
        sent["extrafields"] = [_named(store, field) for field in sent["extrafields"]]
    return sent


def _named(store: SandboxStore, value: dict[str, Any]) -> dict[str, Any]:
    """Return an extra field's value with the name that the owner gave its key."""
    body = store.state.value("select body from extra_fields where key = ?", (value.get("key"),))
    definition = load(body) if body is not None else {}
    return {
        **{name: definition[name] for name in ("title", "type", "entityTypes") if name in definition},
        **value,
    }


def _with_bare_name(sent: dict[str, Any], body: Any) -> dict[str, Any]:
    """Return what was sent with a `name` outside the billing person as the person's name, unless that has one too."""
    name = fields.read(body, {"name": fields.text(255)}).get("name")
    person = sent.get("billingPerson", {})
    return {**sent, "billingPerson": {**person, "name": name}} if name and not person.get("name") else sent


def _with_names(person: dict[str, Any]) -> dict[str, Any]:
    """Add first and last name if the name has two words."""
    words = str(person.get("name") or "").split()
    person = {name: value for name, value in person.items() if name not in {"firstName", "lastName"}}
    return {**person, "firstName": words[0], "lastName": words[1]} if len(words) == 2 else person


def _taken() -> ApiError:
    return ApiError(409, "Customer with the given email already exists")
