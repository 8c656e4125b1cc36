"""Searching and reading products (dossier sections 9.1 to 9.3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from tillroll.sandbox.endpoints import product_fields
from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats import images
from tillroll.sandbox.formats.wire import (
    ApiError,
    Query,
    decimal,
    flag,
    out,
    whole_numbers,
    window,
    without_unset,
    wrong,
)
from tillroll.sandbox.state.database import load
from tillroll.sandbox.state.store import SandboxStore

_PRICE, _NAME = "json_extract(body, '$.price')", "folded(json_extract(body, '$.name'))"
_SORTS = {
    "RELEVANCE": "id",
    "DEFINED_BY_STORE_OWNER": "id",
    "ADDED_TIME_ASC": "created, id",
    "ADDED_TIME_DESC": "created desc, id desc",
    "UPDATED_TIME_ASC": "updated, id",
    "UPDATED_TIME_DESC": "updated desc, id desc",
    "IN_STORE_RECEIVED_DATE_DESC": "coalesce(json_extract(body, '$.inStoreReceivedDate'), '') desc, created desc, id desc",
    "NAME_ASC": f"{_NAME}, id",
    "NAME_DESC": f"{_NAME} desc, id desc",
    "PRICE_ASC": f"{_PRICE}, id",
    "PRICE_DESC": f"{_PRICE} desc, id desc",
}
_BOUNDS = {
    **window("created"),
    "priceFrom": (f"{_PRICE} >= ?", decimal),
    "priceTo": (f"{_PRICE} <= ?", decimal),
    "externalReferenceId": ("json_extract(body, '$.externalReferenceId') = ?", lambda _, raw: raw),
}
_FLAGS = {
    "enabled": "coalesce(json_extract(body, '$.enabled'), 1)",
    "discountsAllowed": "coalesce(json_extract(body, '$.discountsAllowed'), 1)",
    "isGiftCard": "coalesce(json_extract(body, '$.isGiftCard'), 0)",
    "isCustomerSetPrice": "coalesce(json_extract(body, '$.isCustomerSetPrice'), 0)",
    "visibleInStorefront": "coalesce(json_extract(body, '$.enabled'), 1)",
}
_IN_STOCK = (
    "(coalesce(json_extract(body, '$.unlimited'), 0) or coalesce(json_extract(body, '$.quantity'), 0) > 0"
    " or exists (select 1 from combinations c where c.product = products.id"
    " and (coalesce(json_extract(c.body, '$.unlimited'), 0) or json_extract(c.body, '$.quantity') > 0)))"
)
_OPTION = (
    "exists (select 1 from json_each(body, '$.options') o, json_each(o.value, '$.choices') c"
    " where json_extract(o.value, '$.name') = ? and json_extract(c.value, '$.text') in ({}))"
)
_ATTRIBUTE = (
    "exists (select 1 from json_each(body, '$.attributes') a"
    " where json_extract(a.value, '$.name') = ? and json_extract(a.value, '$.value') in ({}))"
)


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /products`: ids override every other condition, a SKU every one but ids."""
    products = Search(store, "products", query)
    products.indexed("created")
    if "productId" in query:
        products.among("id", whole_numbers("productId", query["productId"]))
    elif "sku" in query:
        own = "(sku = ? or id in (select product from combinations where sku = ?))"
        products.where(own, query["sku"], query["sku"], reads=["combinations"])
    else:
        _filters(store, query, products)
    return products.answer_rows(_order(query), lambda rows: show_all(store, rows))


def matching(store: SandboxStore, query: Query) -> list[dict[str, Any]]:
    """Return every product that a search's conditions find, without pages."""
    products = Search(store, "products", query)
    _filters(store, query, products)
    return show_all(store, products.rows())


def _filters(store: SandboxStore, query: Query, products: Search) -> None:
    products.bounds(_BOUNDS)
    for name, expression in _FLAGS.items():
        if name in query:
            products.where(f"{expression} = ?", int(flag(name, query[name])))
    if "inStock" in query:
        products.where(f"{_IN_STOCK} = ?", int(flag("inStock", query["inStock"])), reads=["combinations"])
    if "inventory" in query:
        if query["inventory"] not in {"instock", "outofstock"}:
            raise wrong("inventory", "expected one of 'instock', 'outofstock'")
        products.where(f"{_IN_STOCK} = ?", int(query["inventory"] == "instock"), reads=["combinations"])
    if "onsale" in query:
        if query["onsale"] not in {"onsale", "notonsale"}:
            raise wrong("onsale", "expected one of 'onsale', 'notonsale'")
        on_sale = f"coalesce(json_extract(body, '$.compareToPrice'), 0) > {_PRICE}"
        products.where(f"({on_sale}) = ?", int(query["onsale"] == "onsale"))
    if "keyword" in query:
        keyword = query["keyword"]
        words = (
            "has_words(sku || ' ' || json_extract(body, '$.name')"
            " || ' ' || coalesce(json_extract(body, '$.description'), ''), ?, ?)"
        )
        products.where(words, keyword, int(not keyword.endswith("*")))
    for name, raw in query.items():
        kind, _, option = name.partition("_")
        if kind in {"option", "attribute"} and option:
            wanted = raw.split(",")
            marks = ", ".join("?" * len(wanted))
            products.where((_OPTION if kind == "option" else _ATTRIBUTE).format(marks), option, *wanted)
    _by_category(store, query, products)


def _by_category(store: SandboxStore, query: Query, products: Search) -> None:
    name = "category" if "category" in query else "categories"
    if name not in query:
        return
    wanted = set(whole_numbers(name, query[name]))
    if flag("includeProductsFromSubcategories", query.get("includeProductsFromSubcategories", "false")):
        parents = {row["id"]: load(row["body"]).get("parentId") for row in _categories(store)}
        grown = True
        while grown:
            below = {category for category, parent in parents.items() if parent in wanted} - wanted
            wanted |= below
            grown = bool(below)
    marks = ", ".join("?" * len(wanted))
    in_one = f"exists (select 1 from json_each(body, '$.categoryIds') where value in ({marks}))"  # noqa: S608
    front_page = " or json_extract(body, '$.showOnFrontpage') > 0" if 0 in wanted else ""
    products.where(f"({in_one}{front_page})", *sorted(wanted))


def _categories(store: SandboxStore) -> list[sqlite3.Row]:
    return store.state.rows("select id, body from categories")


def _order(query: Query) -> str:
    sort_by = query.get("sortBy", "RELEVANCE")
    if sort_by not in _SORTS:
        raise wrong("sortBy", f"expected one of {', '.join(_SORTS)}")
    return _SORTS[sort_by]


def get(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`GET /products/{id}`."""
    return show_all(store, [row(store, identifier)])[0]


def row(store: SandboxStore, identifier: str) -> sqlite3.Row:
    """Return a product by its id. Raises 404."""
    product = (
        store.state.row("select * from products where id = ?", (identifier,))
        if identifier.isdigit()
        else None
    )
    if product is None:
        raise ApiError(404, f"Product #{identifier} not found", "PRODUCT_NOT_FOUND")
    return product


def show_all(store: SandboxStore, rows: Sequence[sqlite3.Row]) -> list[dict[str, Any]]:
    """Return products as answers show them, each with its variations."""
    own = combinations(store, [row["id"] for row in rows])
    shelves = {row["id"]: load(row["body"]).get("name", "") for row in _categories(store)}
    return [_show(row, own.get(row["id"], []), store.url, shelves) for row in rows]


def _show(
    row: sqlite3.Row, own: list[dict[str, Any]], url: str, shelves: Mapping[int, str]
) -> dict[str, Any]:
    kept = load(row["body"])
    in_stock = kept["unlimited"] or kept.get("quantity", 0) > 0
    own_images = kept.get("media", {}).get("images", ())
    main = next((image for image in own_images if image["isMain"]), None)
    return without_unset(
        {
            **product_fields.UNSET,
            **product_fields.derived(kept, row["id"], shelves),
            **(images.main_fields(main) if main else {}),
            "galleryImages": [images.gallery_fields(image) for image in own_images if not image["isMain"]],
            "files": [],
            "options": [],
            "categoryIds": [],
            "discountsAllowed": True,
            "isGiftCard": False,
            "media": {"images": [], "videos": []},
            **kept,
            "id": row["id"],
            "sku": row["sku"],
            "inStock": in_stock or any(variation["inStock"] for variation in own),
            "combinations": own,
            "priceInProductList": kept["price"],
            "defaultDisplayedPrice": kept["price"],
            "created": out(row["created"]),
            "updated": out(row["updated"]),
            "createTimestamp": int(row["created"]),
            "updateTimestamp": int(row["updated"]),
            "url": f"{url}/products/{row['id']}",
        }
    )


def combinations(store: SandboxStore, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the variations of several products as answers show them, by product."""
    marks = ", ".join("?" * len(ids))
    rows = store.state.rows(f"select * from combinations where product in ({marks}) order by id", ids)  # noqa: S608
    by_product: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_product.setdefault(row["product"], []).append(show_combination(row))
    return by_product


def show_combination(row: sqlite3.Row) -> dict[str, Any]:
    """Return a variation as answers show it."""
    kept = load(row["body"])
    return without_unset(
        {
            **kept.pop("image", {}),
            **kept,
            "id": row["id"],
            "combinationNumber": row["number"],
            "sku": row["sku"] or None,
            "inStock": kept["unlimited"] or kept.get("quantity", 0) > 0,
            "defaultDisplayedPrice": kept.get("price"),
        }
    )
