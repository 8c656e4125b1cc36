"""What the storefront can filter its products by (dossier section 9.7)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tillroll.sandbox.endpoints import catalog
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import Query, wrong
from tillroll.sandbox.state.store import SandboxStore

_COMMA = re.compile(r"(?<!\\),")
_SUCCESS = {"status": "SUCCESS"}
Products = list[dict[str, Any]]


def filters(store: SandboxStore, query: Query, body: Any) -> dict[str, Any]:
    """`POST /products/filters?filterFields=price,…`, or the same in `params`; the other params narrow the products down."""
    params = fields.read(body if body is not None else {}, {"params": fields.an_object}).get("params", {})
    wanted = query.get("filterFields") or params.get("filterFields")
    if not isinstance(wanted, str) or not wanted:
        raise wrong("filterFields", "expected a list of filters")
    known = {name: str(value) for name, value in params.items() if not name.startswith("filter")}
    found = catalog.matching(store, known)
    names = [name.replace("\\,", ",").strip() for name in _COMMA.split(wanted)]
    return {"productCount": len(found), "filters": {name: _filter(store, name, found) for name in names}}


def _filter(store: SandboxStore, name: str, found: Products) -> dict[str, Any]:
    kind, _, subject = name.partition("_")
    if name == "price":
        prices = [product["price"] for product in found] or [0]
        return {"minValue": min(prices), "maxValue": max(prices), **_SUCCESS}
    if name in {"inventory", "onsale"}:
        return {"values": _states(name, found), **_SUCCESS}
    if name == "categories":
        return {"values": _categories(store, found), **_SUCCESS, "sortingOrder": "PRODUCTS_COUNT_DESC"}
    if kind in {"option", "attribute"} and subject:
        texts = (text for product in found for text in _texts(product, kind, subject))
        values = [{"title": text, "productCount": count} for text, count in sorted(Counter(texts).items())]
        return {"title": subject, "values": values, **_SUCCESS, "sortingOrder": "FILTER_VALUE_ASC"}
    raise wrong("filterFields", "expected price, inventory, onsale, categories, option_… or attribute_…")


def _states(name: str, found: Products) -> list[dict[str, Any]]:
    if name == "inventory":
        titles = {"instock": "In stock", "outofstock": "Out of stock"}
        counts = Counter("instock" if product["inStock"] else "outofstock" for product in found)
    else:
        titles = {"onsale": "On sale", "notonsale": "Regular price"}
        on_sale = (product.get("compareToPrice", 0) > product["price"] for product in found)
        counts = Counter("onsale" if sale else "notonsale" for sale in on_sale)
    return [{"id": one, "title": titles[one], "productCount": counts[one]} for one in titles if counts[one]]


def _categories(store: SandboxStore, found: Products) -> list[dict[str, Any]]:
    counts = Counter(category for product in found for category in product["categoryIds"])
    rows = store.state.rows("select id, json_extract(body, '$.name') as name from categories")
    names = {row["id"]: row["name"] for row in rows}
    ordered = sorted(counts, key=lambda category: (-counts[category], category))
    return [{"id": one, "title": names.get(one, ""), "productCount": counts[one]} for one in ordered]


def _texts(product: dict[str, Any], kind: str, subject: str) -> Iterable[str]:
    """Return the values of an option or an attribute that one product has, each once."""
    if kind == "attribute":
        named = (one for one in product.get("attributes", ()) if one.get("name") == subject)
        return {str(one["value"]) for one in named if one.get("value")}
    options = (one for one in product.get("options", ()) if one.get("name") == subject)
    return {
        str(choice["text"])
        for option in options
        for choice in option.get("choices", ())
        if choice.get("text")
    }
