"""Categories: a tree, and the products in it (dossier section 9)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import products
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import (
    ApiError,
    Query,
    flag,
    listing,
    number,
    page,
    whole_numbers,
    without_unset,
)
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

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


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /categories`: hidden ones only if asked for."""
    return _page(store, query, _matching(store, query))


def by_path(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /categoriesByPath?path=Tea/Green tea&delimiter=/`: the categories at this path of names."""
    delimiter = query.get("delimiter") or "/"
    wanted = [name.strip().casefold() for name in query.get("path", "").split(delimiter)]
    categories = _all(store)
    return _page(
        store, query, [category for category in categories.values() if _path(categories, category) == wanted]
    )


def _path(categories: dict[int, dict[str, Any]], category: dict[str, Any]) -> list[str]:
    names, seen = [category["name"].casefold()], {category["id"]}
    while (parent := categories.get(category.get("parentId", 0))) is not None and parent["id"] not in seen:
        category = parent
        seen.add(parent["id"])
        names.insert(0, category["name"].casefold())
    return names


def _matching(store: SandboxStore, query: Query) -> list[dict[str, Any]]:
    categories = _all(store)
    matching = list(categories.values())
    if not flag("hidden_categories", query.get("hidden_categories", "false")):
        matching = [category for category in matching if category["enabled"]]
    if "keyword" in query:
        keyword = query["keyword"].rstrip("*").casefold()
        matching = [category for category in matching if keyword in category["name"].casefold()]
    if "externalReferenceId" in query:
        matching = [
            category
            for category in matching
            if category.get("externalReferenceId") == query["externalReferenceId"]
        ]
    if "parent" in query or "parentIds" in query:
        wanted = set(whole_numbers("parentIds", query["parentIds"])) if "parentIds" in query else set()
        if "parent" in query:
            wanted.add(number("parent", query["parent"]))
        if flag("withSubcategories", query.get("withSubcategories", "false")):
            wanted |= {
                category["id"]
                for category in categories.values()
                if _ancestors(categories, category) & (wanted - {0})
            }
            matching = (
                matching
                if 0 in wanted
                else [category for category in matching if category.get("parentId", 0) in wanted]
            )
        else:
            matching = [category for category in matching if category.get("parentId", 0) in wanted]
    return matching


def _ancestors(categories: dict[int, dict[str, Any]], category: dict[str, Any]) -> set[int]:
    seen: set[int] = set()
    parent = category.get("parentId", 0)
    while parent in categories and parent not in seen:
        seen.add(parent)
        parent = categories[parent].get("parentId", 0)
    return seen


def _all(store: SandboxStore) -> dict[int, dict[str, Any]]:
    """Return every category by id, in the owner's order."""
    rows = store.state.rows("select * from categories")
    categories = [{"orderBy": row["id"] * 10, "enabled": True, **json.loads(row["body"])} for row in rows]
    for row, category in zip(rows, categories, strict=True):
        category["id"] = row["id"]
    in_order = sorted(categories, key=lambda category: (category["orderBy"], category["id"]))
    return {category["id"]: category for category in in_order}


def _page(store: SandboxStore, query: Query, categories: list[dict[str, Any]]) -> dict[str, Any]:
    page_ = page(query, over=store.switches.limit_over_100)
    shown = categories[page_.offset : page_.offset + page_.limit]
    with_ids = flag("productIds", query.get("productIds", "false"))
    return listing(len(categories), page_, _shown(store, shown, with_ids=with_ids))


def _shown(store: SandboxStore, categories: list[dict[str, Any]], *, with_ids: bool) -> list[dict[str, Any]]:
    """Return categories as answers show them, with their numbers of products."""
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
    for category in categories:
        ids = on_shelf.get(category["id"], [])
        more = {"productIds": ids or None, "enabledProductCount": sum(product in enabled for product in ids)}
        url = f"{store.url}/categories/{category['id']}"
        shown = {
            **category.pop("image", {}),
            **category,
            "productCount": len(ids),
            "url": url,
            "parentId": category.get("parentId") or None,
        }
        answer.append(without_unset({**shown, **(more if with_ids else {})}))
    return answer


def get(store: SandboxStore, identifier: str, query: Query) -> dict[str, Any]:
    """`GET /categories/{id}`."""
    row = _row(store, identifier)
    with_ids = flag("productIds", query.get("productIds", "true"))
    return _shown(store, [_all(store)[row["id"]]], with_ids=with_ids)[0]


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
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


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /categories/{id}`: a merge; `productIds` replaces the products in it."""
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


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /categories/{id}`: delete it with the categories below it; the products stay."""
    gone = _row(store, identifier)["id"]
    categories = _all(store)
    for category in [
        gone,
        *(below["id"] for below in categories.values() if gone in _ancestors(categories, below)),
    ]:
        _fill(store, category, [])
        store.state.run("delete from categories where id = ?", (category,))
        store.happened("category.deleted", category)
    return {"deleteCount": 1}


def assign(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`POST /categories/{id}/assignProducts`: `{"productIds": [...]}`."""
    category = _row(store, identifier)["id"]
    for product in _product_ids(body):
        _move(store, product, add=category)
    store.happened("category.updated", category)
    return {"updateCount": 1}


def unassign(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`POST /categories/{id}/unassignProducts`: `{"productIds": [...]}`. The count says whether any product was in it."""
    category = _row(store, identifier)["id"]
    there = _products_in(store, category) & set(_product_ids(body))
    for product in sorted(there):
        _move(store, product, remove=category)
    store.happened("category.updated", category)
    return {"deleteCount": int(bool(there))}


def keep_image(store: SandboxStore, identifier: str, shown: dict[str, Any]) -> bool:
    """Store the fields of a category's image, or none. Return whether it had one before."""
    row = _row(store, identifier)
    kept = json.loads(row["body"])
    before = bool(kept.pop("image", None))
    kept |= {"image": shown} if shown else {}
    store.state.run("update categories set body = ? where id = ?", (dump(kept), row["id"]))
    store.happened("category.updated", row["id"])
    return before


def _product_ids(body: Any) -> list[int]:
    sent: list[int] = fields.read(body, {"productIds": fields.numbers}).get("productIds", [])
    return sent


def _products_in(store: SandboxStore, category: int) -> set[int]:
    there = "select products.id from products, json_each(body, '$.categoryIds') where value = ?"
    return {row["id"] for row in store.state.rows(there, (category,))}


def _fill(store: SandboxStore, category: int, wanted: list[int]) -> None:
    products_now = _products_in(store, category)
    for product in products_now - set(wanted):
        _move(store, product, remove=category)
    for product in wanted:
        if product not in products_now:
            _move(store, product, add=category)


def _move(store: SandboxStore, product: int, *, add: int = 0, remove: int = 0) -> None:
    """Put a product into a category or take it out. One that does not exist is ignored."""
    body = store.state.value("select body from products where id = ?", (product,))
    if body is None:
        return
    kept = json.loads(body)
    shelves = [number for number in kept.get("categoryIds", []) if number not in {add, remove}]
    kept["categoryIds"] = [*shelves, add] if add else shelves
    products.keep(store, product, kept)


def _check_parent(store: SandboxStore, category: int, sent: dict[str, Any]) -> None:
    """Check that the parent exists and is not below the category; 0 is the top."""
    parent = sent.get("parentId", 0)
    if not parent:
        return
    categories = _all(store)
    if parent not in categories:
        raise ApiError(404, f"Category #{parent} not found", "CATEGORIES_NOT_FOUND")
    if parent == category or category in _ancestors(categories, categories[parent]):
        raise ApiError(400, "A category can't be below itself", "WRONG_PARAMETER")


def _row(store: SandboxStore, identifier: str) -> sqlite3.Row:
    row = (
        store.state.row("select * from categories where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if row is None:
        raise ApiError(404, f"Category #{identifier} not found", "CATEGORIES_NOT_FOUND")
    return row
