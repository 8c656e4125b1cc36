"""Categories: a tree of shelves, and what stands on them (dossier section 9)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox import fields
from tillroll.sandbox.areas import products
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, Query, flag, listing, number, page, whole_numbers, without_unset

_FIELDS: dict[str, fields.Kind] = {
    "name": fields.text(1024),
    "nameTranslated": fields.an_object,
    "parentId": fields.whole,
    "orderBy": fields.whole,
    "description": fields.text(),
    "descriptionTranslated": fields.an_object,
    "enabled": fields.boolean,
    "customSlug": fields.text(),
    "externalReferenceId": fields.text(),
    "productIds": fields.numbers,
}


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /categories`: hidden ones only when asked for."""
    return _page(store, query, _matching(store, query))


def by_path(store: Store, query: Query) -> dict[str, Any]:
    """`GET /categoriesByPath?path=Tea/Green tea&delimiter=/`: those whose names lead down this path."""
    delimiter = query.get("delimiter") or "/"
    wanted = [name.strip().casefold() for name in query.get("path", "").split(delimiter)]
    known = _all(store)
    return _page(store, query, [one for one in known.values() if _path(known, one) == wanted])


def _path(known: dict[int, dict[str, Any]], category: dict[str, Any]) -> list[str]:
    names, seen = [category["name"].casefold()], {category["id"]}
    while (parent := known.get(category.get("parentId", 0))) is not None and parent["id"] not in seen:
        category = parent
        seen.add(parent["id"])
        names.insert(0, category["name"].casefold())
    return names


def _matching(store: Store, query: Query) -> list[dict[str, Any]]:
    known = _all(store)
    found = list(known.values())
    if not flag("hidden_categories", query.get("hidden_categories", "false")):
        found = [one for one in found if one["enabled"]]
    if "keyword" in query:
        keyword = query["keyword"].rstrip("*").casefold()
        found = [one for one in found if keyword in one["name"].casefold()]
    if "externalReferenceId" in query:
        found = [one for one in found if one.get("externalReferenceId") == query["externalReferenceId"]]
    if "parent" in query or "parentIds" in query:
        wanted = set(whole_numbers("parentIds", query["parentIds"])) if "parentIds" in query else set()
        if "parent" in query:
            wanted.add(number("parent", query["parent"]))
        if flag("withSubcategories", query.get("withSubcategories", "false")):
            wanted |= {one["id"] for one in known.values() if _ancestors(known, one) & (wanted - {0})}
            found = found if 0 in wanted else [one for one in found if one.get("parentId", 0) in wanted]
        else:
            found = [one for one in found if one.get("parentId", 0) in wanted]
    return found


def _ancestors(known: dict[int, dict[str, Any]], category: dict[str, Any]) -> set[int]:
    seen: set[int] = set()
    parent = category.get("parentId", 0)
    while parent in known and parent not in seen:
        seen.add(parent)
        parent = known[parent].get("parentId", 0)
    return seen


def _all(store: Store) -> dict[int, dict[str, Any]]:
    """Every category by id, in the owner's order."""
    rows = store.state.rows("select * from categories")
    found = [{"orderBy": row["id"] * 10, "enabled": True, **json.loads(row["body"])} for row in rows]
    for row, one in zip(rows, found, strict=True):
        one["id"] = row["id"]
    return {one["id"]: one for one in sorted(found, key=lambda one: (one["orderBy"], one["id"]))}


def _page(store: Store, query: Query, found: list[dict[str, Any]]) -> dict[str, Any]:
    page_ = page(query, over=store.switches.limit_over_100)
    shown = found[page_.offset : page_.offset + page_.limit]
    with_ids = flag("productIds", query.get("productIds", "false"))
    return listing(len(found), page_, _shown(store, shown, with_ids=with_ids))


def _shown(store: Store, found: list[dict[str, Any]], *, with_ids: bool) -> list[dict[str, Any]]:
    """Categories as they are answered, with their products counted."""
    on_shelf: dict[int, list[int]] = {}
    enabled: set[int] = set()
    for row in store.state.rows(
        "select products.id, value, coalesce(json_extract(body, '$.enabled'), 1) as enabled"
        " from products, json_each(body, '$.categoryIds') order by products.id"
    ):
        on_shelf.setdefault(row["value"], []).append(row["id"])
        if row["enabled"]:
            enabled.add(row["id"])
    answer = []
    for one in found:
        ids = on_shelf.get(one["id"], [])
        more = {"productIds": ids, "enabledProductCount": sum(product in enabled for product in ids)}
        url = f"{store.url}/categories/{one['id']}"
        shown = {**one, "productCount": len(ids), "url": url, "parentId": one.get("parentId") or None}
        answer.append(without_unset({**shown, **(more if with_ids else {})}))
    return answer


def get(store: Store, identifier: str, query: Query) -> dict[str, Any]:
    """`GET /categories/{id}`."""
    row = _row(store, identifier)
    with_ids = flag("productIds", query.get("productIds", "true"))
    return _shown(store, [_all(store)[row["id"]]], with_ids=with_ids)[0]


def create(store: Store, body: Any) -> dict[str, Any]:
    """`POST /categories`."""
    kept = fields.read(body, _FIELDS)
    if not kept.get("name"):
        raise fields.absent("Category.name")
    category = store.state.next_id("categories")
    ids = kept.pop("productIds", None)
    _check_parent(store, category, kept)
    store.state.run("insert into categories values (?, ?)", (category, dump({"enabled": True, **kept})))
    store.happened("category.created", category)
    if ids is not None:
        _fill(store, category, ids)
    return {"id": category}


def update(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /categories/{id}`: a merge; `productIds` says anew what stands there."""
    row = _row(store, identifier)
    sent = fields.read(body, _FIELDS)
    ids = sent.pop("productIds", None)
    _check_parent(store, row["id"], sent)
    kept = {**json.loads(row["body"]), **sent}
    store.state.run("update categories set body = ? where id = ?", (dump(kept), row["id"]))
    store.happened("category.updated", row["id"])
    if ids is not None:
        _fill(store, row["id"], ids)
    return {"updateCount": 1}


def delete(store: Store, identifier: str) -> dict[str, Any]:
    """`DELETE /categories/{id}`: what is below goes with it, the products stay."""
    gone = _row(store, identifier)["id"]
    known = _all(store)
    for category in [gone, *(one["id"] for one in known.values() if gone in _ancestors(known, one))]:
        _fill(store, category, [])
        store.state.run("delete from categories where id = ?", (category,))
        store.happened("category.deleted", category)
    return {"deleteCount": 1}


def assign(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`POST /categories/{id}/assignProducts`: `{"productIds": [...]}`."""
    category = _row(store, identifier)["id"]
    for product in _product_ids(body):
        _move(store, product, add=category)
    store.happened("category.updated", category)
    return {"updateCount": 1}


def unassign(store: Store, identifier: str, body: Any) -> dict[str, Any]:
    """`POST /categories/{id}/unassignProducts`: `{"productIds": [...]}`."""
    category = _row(store, identifier)["id"]
    for product in _product_ids(body):
        _move(store, product, remove=category)
    store.happened("category.updated", category)
    return {"updateCount": 1}


def _product_ids(body: Any) -> list[int]:
    sent: list[int] = fields.read(body, {"productIds": fields.numbers}).get("productIds", [])
    return sent


def _fill(store: Store, category: int, wanted: list[int]) -> None:
    now_there = "select products.id from products, json_each(body, '$.categoryIds') where value = ?"
    there = {row["id"] for row in store.state.rows(now_there, (category,))}
    for product in there - set(wanted):
        _move(store, product, remove=category)
    for product in wanted:
        if product not in there:
            _move(store, product, add=category)


def _move(store: Store, product: int, *, add: int = 0, remove: int = 0) -> None:
    """Put a product on a shelf or take it down; one that doesn't exist is passed over."""
    body = store.state.value("select body from products where id = ?", (product,))
    if body is None:
        return
    kept = json.loads(body)
    shelves = [one for one in kept.get("categoryIds", []) if one not in {add, remove}]
    kept["categoryIds"] = [*shelves, add] if add else shelves
    products.keep(store, product, kept)


def _check_parent(store: Store, category: int, sent: dict[str, Any]) -> None:
    """A parent that exists and isn't below; 0 is the top."""
    parent = sent.get("parentId", 0)
    if not parent:
        return
    known = _all(store)
    if parent not in known:
        raise ApiError(404, f"Category #{parent} not found", "CATEGORIES_NOT_FOUND")
    if parent == category or category in _ancestors(known, known[parent]):
        raise ApiError(400, "A category can't be below itself", "WRONG_PARAMETER")


def _row(store: Store, identifier: str) -> sqlite3.Row:
    row = (
        store.state.row("select * from categories where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if row is None:
        raise ApiError(404, f"Category #{identifier} not found", "CATEGORIES_NOT_FOUND")
    return row
