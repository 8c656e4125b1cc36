"""Product types with their attributes, and what products show of brands and colours (dossier section 9.5)."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from typing import Any
from urllib.parse import quote_plus

from tillroll.sandbox import fields
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, Query, flag, listing, one_of, page

_GENERAL = {
    "id": 0,
    "attributes": [
        {"id": 1, "name": "UPC", "type": "UPC", "show": "DESCR"},
        {"id": 2, "name": "Brand", "type": "BRAND", "show": "DESCR"},
    ],
}
"""The type of every product that has no other; it has no name."""
_ATTRIBUTE: dict[str, fields.Kind] = {
    "id": fields.whole,
    "name": fields.text(255),
    "nameTranslated": fields.an_object,
    "type": fields.one_of(
        "CUSTOM", "UPC", "BRAND", "GENDER", "AGE_GROUP", "COLOR", "SIZE", "PRICE_PER_UNIT", "UNITS_IN_PRODUCT"
    ),
    "show": fields.one_of("NOTSHOW", "DESCR", "PRICE"),
}
_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(255),
    "googleTaxonomy": fields.text(1024),
    "attributes": fields.objects,
}
_SORTS = ("PRODUCT_COUNT_DESC", "PRODUCT_COUNT_ASC", "NAME_DESC", "NAME_ASC")


def listed(store: Store) -> list[dict[str, Any]]:
    """`GET /classes`: a bare list, General first."""
    rows = store.state.rows("select * from classes order by id")
    return [_GENERAL, *({"id": row["id"], **json.loads(row["body"])} for row in rows)]


def get(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /classes/{id}`. That an unknown one is 404 is our guess."""
    for one in listed(store):
        if str(one["id"]) == identifier:
            return one
    raise ApiError(404, f"Product class #{identifier} not found")


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /classes`."""
    sent = _read(store, body)
    if not sent.get("name"):
        raise fields.absent("ProductClass.name")
    identity = store.state.next_id("classes", after=4_500_000)
    store.state.run("insert into classes values (?, ?)", (identity, dump({"attributes": [], **sent})))
    store.happened("product_class.created", identity)
    return {"id": identity}


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /classes/{id}`: a merge; attributes that aren't among those sent are gone."""
    kept = {**_row(store, identifier), **_read(store, body)}
    identity = kept.pop("id")
    store.state.run("update classes set body = ? where id = ?", (dump(kept), identity))
    store.happened("product_class.updated", identity)
    return {"updateCount": 1}


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /classes/{id}`: not General."""
    identity = _row(store, identifier)["id"]
    store.state.run("delete from classes where id = ?", (identity,))
    store.happened("product_class.deleted", identity)
    return {"deleteCount": 1}


def brands(store: Store, query: Query) -> dict[str, Any]:
    """`GET /brands`: the values of the products' attribute Brand; of disabled products only when asked for."""
    hidden = flag("hidden_brands", query.get("hidden_brands", "false"))
    (order,) = one_of("sortBy", query.get("sortBy", _SORTS[0]), _SORTS)
    wanted = page(query, over=store.switches.limit_over_100)
    counts = Counter(
        str(one["value"])
        for product in _bodies(store)
        if hidden or product.get("enabled") is not False
        for one in product.get("attributes", ())
        if one.get("name") == "Brand" and one.get("value")
    )
    names = sorted(counts)
    names.sort(key=lambda name: counts[name] if order.startswith("PRODUCT") else 0)
    if order.endswith("DESC"):
        names.reverse()
    shown = names[wanted.offset : wanted.offset + wanted.limit]
    link = f"{store.url}/products/search?attribute_Brand="
    items = [{"name": name, "productsFilteredByBrandUrl": link + quote_plus(name)} for name in shown]
    return listing(len(names), wanted, items)


def swatches(store: Store) -> dict[str, Any]:
    """`GET /swatches`: the colours of the products' options of type SWATCHES, each once, the latest first."""
    colours: dict[tuple[str, str], dict[str, Any]] = {}
    for product in _bodies(store):
        for option in product.get("options", ()):
            for choice in option.get("choices", ()) if option.get("type") == "SWATCHES" else ():
                for code in choice.get("hexCodes", ()):
                    colour = {"name": choice.get("text", ""), "hexCode": code}
                    colours.setdefault((colour["name"], code), colour)
    return {"colors": list(colours.values())}


def _bodies(store: Store) -> list[dict[str, Any]]:
    rows: list[sqlite3.Row] = store.state.rows("select body from products order by updated desc, id")
    return [json.loads(row["body"]) for row in rows]


def _read(store: Store, body: Any) -> dict[str, Any]:
    """The fields that were sent; an attribute without an id is a new one and gets its own."""
    sent = fields.read(body, _FIELDS)
    if "attributes" in sent:
        kept = []
        for one in sent["attributes"]:
            attribute = {"type": "CUSTOM", "show": "DESCR", **fields.read(one, _ATTRIBUTE)}
            if not attribute.get("name"):
                raise fields.absent("Attribute.name")
            if "id" not in attribute:
                attribute["id"] = store.state.next_number("attributes", after=200_000_000)
            kept.append(attribute)
        sent["attributes"] = kept
    return sent


def _row(store: Store, identifier: str) -> dict[str, Any]:
    """A type that may be changed."""
    found = get(store, identifier)
    if found["id"] == 0:
        raise ApiError(400, "The General type can't be changed", "WRONG_PARAMETER")
    return found
