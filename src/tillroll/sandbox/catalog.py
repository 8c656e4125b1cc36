"""Products and categories, to read (dossier section 9)."""

from __future__ import annotations

import json
from typing import Any

from tillroll.sandbox.store import Store
from tillroll.sandbox.wire import ApiError, Query, listing, page


def products(store: Store, query: Query) -> dict[str, Any]:
    """`GET /products`: by SKU or keyword, or all."""
    found = [
        {"id": row["id"], **json.loads(row["body"])}
        for row in store.state.rows("select * from products order by id")
    ]
    if "productId" in query:
        wanted = set(query["productId"].split(","))
        found = [product for product in found if str(product["id"]) in wanted]
    elif "sku" in query:
        found = [product for product in found if product["sku"] == query["sku"]]
    elif "keyword" in query:
        found = [
            product for product in found if query["keyword"].rstrip("*").lower() in product["name"].lower()
        ]
    page_ = page(query, over=store.switches.limit_over_100)
    return listing(len(found), page_, found[page_.offset : page_.offset + page_.limit])


def product(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /products/{id}`."""
    body = store.state.value("select body from products where id = ?", (identifier,))
    if body is None:
        raise ApiError(404, f"Product #{identifier} not found", "PRODUCT_NOT_FOUND")
    return {"id": int(identifier), **json.loads(body)}


def categories(store: Store, query: Query) -> dict[str, Any]:
    """`GET /categories`."""
    found = [
        {"id": row["id"], **json.loads(row["body"])}
        for row in store.state.rows("select * from categories order by id")
    ]
    page_ = page(query, over=store.switches.limit_over_100)
    return listing(len(found), page_, found[page_.offset : page_.offset + page_.limit])


def category(store: Store, identifier: str) -> dict[str, Any]:
    """`GET /categories/{id}`."""
    body = store.state.value("select body from categories where id = ?", (identifier,))
    if body is None:
        raise ApiError(404, f"Category #{identifier} not found", "CATEGORIES_NOT_FOUND")
    return {"id": int(identifier), **json.loads(body)}
