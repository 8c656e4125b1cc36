"""Product types with their attributes; the brands and colours of products (dossier section 9.5)."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from typing import Any
from urllib.parse import quote_plus

from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query, flag, listing, one_of, page
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

_GENERAL = {
    "id": 0,
    "attributes": [
        {"id": 1, "name": "UPC", "type": "UPC", "show": "DESCR"},
        {"id": 2, "name": "Brand", "type": "BRAND", "show": "DESCR"},
    ],
}
"""The default type of products; it has no name."""
_TYPES = (
    "CUSTOM", "UPC", "BRAND", "GENDER", "AGE_GROUP", "COLOR", "SIZE", "PRICE_PER_UNIT", "UNITS_IN_PRODUCT", "TAGS", "SUPPLIER",
)  # fmt: skip
_OF_CHANNELS = re.compile(r"(?:EBAY|EXTERNAL)(?:_[A-Z]+)*")
"""The types of attributes of other sales channels; their list is longer than any document says."""


def _attribute_type(name: str, raw: Any) -> str:
    if isinstance(raw, str) and _OF_CHANNELS.fullmatch(raw):
        return raw
    return str(fields.one_of(*_TYPES)(name, raw))


_ATTRIBUTE: dict[str, fields.Kind] = {
    "id": fields.whole,
    "name": fields.text(255),
    "nameTranslated": fields.an_object,
    "type": _attribute_type,
    "show": fields.one_of("NOTSHOW", "DESCR", "PRICE"),
}
_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(255),
    "googleTaxonomy": fields.text(1024),
    "attributes": fields.objects,
}
_SORTS = ("PRODUCT_COUNT_DESC", "PRODUCT_COUNT_ASC", "NAME_DESC", "NAME_ASC")


def listed(store: SandboxStore) -> list[dict[str, Any]]:
    """`GET /classes`: a bare list, General first."""
    rows = store.state.rows("select * from classes order by id")
    return [_GENERAL, *({"id": row["id"], **json.loads(row["body"])} for row in rows)]


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /classes/{id}`. The 404 for an unknown one is our guess."""
    for kind in listed(store):
        if str(kind["id"]) == identifier:
            return kind
    raise ApiError(404, f"Product class #{identifier} not found")


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /classes`."""
    sent = _read(store, body)
    if not sent.get("name"):
        raise fields.absent("ProductClass.name")
    identity = store.state.next_id("classes", after=4_500_000)
    store.state.run("insert into classes values (?, ?)", (identity, dump({"attributes": [], **sent})))
    store.happened("product_class.created", identity)
    return {"id": identity}


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /classes/{id}`: a merge; attributes that are not sent are deleted."""
    kept = {**_row(store, identifier), **_read(store, body)}
    identity = kept.pop("id")
    store.state.run("update classes set body = ? where id = ?", (dump(kept), identity))
    store.happened("product_class.updated", identity)
    return {"updateCount": 1}


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /classes/{id}`: any but General."""
    identity = _row(store, identifier)["id"]
    store.state.run("delete from classes where id = ?", (identity,))
    store.happened("product_class.deleted", identity)
    return {"deleteCount": 1}


def brands(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /brands`: the values of the products' attribute Brand; disabled products only if asked for."""
    hidden = flag("hidden_brands", query.get("hidden_brands", "false"))
    (order,) = one_of("sortBy", query.get("sortBy", _SORTS[0]), _SORTS)
    wanted = page(query, over=store.switches.limit_over_100)
    counts = Counter(
        str(attribute["value"])
        for product in _bodies(store)
        if hidden or product.get("enabled") is not False
        for attribute in product.get("attributes", ())
        if attribute.get("name") == "Brand" and attribute.get("value")
    )
    names = sorted(counts)
    names.sort(key=lambda name: counts[name] if order.startswith("PRODUCT") else 0)
    if order.endswith("DESC"):
        names.reverse()
    shown = names[wanted.offset : wanted.offset + wanted.limit]
    link = f"{store.url}/products/search?attribute_Brand="
    items = [{"name": name, "productsFilteredByBrandUrl": link + quote_plus(name)} for name in shown]
    return listing(len(names), wanted, items)


def swatches(store: SandboxStore) -> dict[str, Any]:
    """`GET /swatches`: the colours of the products' SWATCHES options, each once, latest first."""
    colours: dict[tuple[str, str], dict[str, Any]] = {}
    for product in _bodies(store):
        for option in product.get("options", ()):
            for choice in option.get("choices", ()) if option.get("type") == "SWATCHES" else ():
                for code in choice.get("hexCodes", ()):
                    colour = {"name": choice.get("text", ""), "hexCode": code}
                    colours.setdefault((colour["name"], code), colour)
    return {"colors": list(colours.values())}


def _bodies(store: SandboxStore) -> list[dict[str, Any]]:
    rows: list[sqlite3.Row] = store.state.rows("select body from products order by updated desc, id")
    return [json.loads(row["body"]) for row in rows]


def _read(store: SandboxStore, body: Any) -> dict[str, Any]:
    """Return the fields that were sent. An attribute without an id is new and gets one."""
    sent = fields.read(body, _FIELDS)
    if "attributes" in sent:
        kept = []
        for raw in sent["attributes"]:
            attribute = {"type": "CUSTOM", "show": "DESCR", **fields.read(raw, _ATTRIBUTE)}
            if not attribute.get("name"):
                raise fields.absent("Attribute.name")
            if "id" not in attribute:
                attribute["id"] = store.state.next_number("attributes", after=200_000_000)
            kept.append(attribute)
        sent["attributes"] = kept
    return sent


def _row(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """Return a type that may be changed."""
    kind = get(store, identifier)
    if kind["id"] == 0:
        raise ApiError(400, "The General type can't be changed", "WRONG_PARAMETER")
    return kind
