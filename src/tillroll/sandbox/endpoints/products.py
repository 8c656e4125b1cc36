"""Writing products: created, changed, stock adjusted, deleted (dossier sections 9.1 to 9.4)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from tillroll.sandbox.endpoints import catalog, deleted
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import Accepted, ApiError, wrong
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

OUT_OF_STOCK = ("SHOW", "HIDE", "ALLOW_PREORDER")
_GONE_NEGATIVE = "Product has negative stock."


def _wholesale(name: str, raw: Any) -> list[dict[str, Any]]:
    prices = fields.objects(name, raw)
    for price in prices:
        if fields.whole(f"{name}.quantity", price.get("quantity")) < 2:
            raise wrong(f"{name}.quantity", "expected a number from 2")
        fields.amount(f"{name}.price", price.get("price"))
    return prices


STOCK: dict[str, fields.Kind] = {
    "sku": fields.text(255),
    "price": fields.amount,
    "costPrice": fields.amount,
    "compareToPrice": fields.amount,
    "wholesalePrices": _wholesale,
    "quantity": fields.whole,
    "unlimited": fields.boolean,
    "warningLimit": fields.whole,
    "weight": fields.amount,
    "attributes": fields.objects,
    "outOfStockVisibilityBehaviour": fields.one_of(*OUT_OF_STOCK),
    "minPurchaseQuantity": fields.whole,
    "maxPurchaseQuantity": fields.whole,
    "dimensions": fields.an_object,
    "volume": fields.amount,
    "customsHsTariffCode": fields.text(255),
}
"""The fields that products and variations share."""
_FIELDS: dict[str, fields.Kind] = {
    **STOCK,
    "name": fields.text(1024),
    "enabled": fields.boolean,
    "categoryIds": fields.numbers,
    "defaultCategoryId": fields.whole,
    "options": fields.objects,
    "discountsAllowed": fields.boolean,
    "isGiftCard": fields.boolean,
    "isCustomerSetPrice": fields.boolean,
    "isSampleProduct": fields.boolean,
    "description": fields.text(),
    "subtitle": fields.text(),
    "seoTitle": fields.text(),
    "seoDescription": fields.text(),
    "customSlug": fields.text(),
    "relatedProducts": fields.an_object,
    "tax": fields.an_object,
    "shipping": fields.an_object,
    "showOnFrontpage": fields.whole,
    "productClassId": fields.whole,
    "externalReferenceId": fields.text(),
    "nameTranslated": fields.an_object,
    "descriptionTranslated": fields.an_object,
}


def create(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /products`: a missing SKU is generated."""
    kept = fields.read(body, _FIELDS)
    if not kept.get("name"):
        raise fields.absent("Product.name")
    product = store.state.next_id("products", after=1_000)
    sku = kept.pop("sku", "") or f"{product:05}"
    check_sku(store, sku)
    now = store.now()
    kept = counted({"price": 0, "enabled": True, "unlimited": "quantity" not in kept, **kept}, kept)
    try:
        store.state.run(
            "insert into products (id, sku, body, created, updated, searchable) values (?, ?, ?, ?, ?, ?)",
            (product, sku, dump(_sound(store, kept)), now, now, store.searchable("product", product)),
        )
    except sqlite3.IntegrityError as fault:
        raise sku_taken(sku) from fault
    store.happened("product.created", product)
    return {"id": product}


def update(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /products/{id}`: a merge."""
    row = catalog.row(store, identifier)
    sent = fields.read(body, _FIELDS)
    sku = sent.pop("sku", "") or row["sku"]
    if sku != row["sku"]:
        check_sku(store, sku)
    keep(store, row["id"], _sound(store, counted({**json.loads(row["body"]), **sent}, sent)), sku=sku)
    return {"updateCount": 1}


def keep(store: SandboxStore, product: int, body: dict[str, Any], *, sku: str = "") -> None:
    """Store a changed product."""
    try:
        store.state.run(
            "update products set body = ?, sku = coalesce(nullif(?, ''), sku), updated = ?, searchable = ?"
            " where id = ?",
            (dump(body), sku, store.now(), store.searchable("product", product), product),
        )
    except sqlite3.IntegrityError as fault:
        raise sku_taken(sku) from fault
    store.happened("product.updated", product)


def delete(store: SandboxStore, identifier: str) -> dict[str, Any]:
    """`DELETE /products/{id}`: delete it with its variations and reviews."""
    _delete(store, catalog.row(store, identifier)["id"])
    return {"deleteCount": 1}


def delete_all(store: SandboxStore) -> dict[str, Any]:
    """`DELETE /products`: delete every product; answers 202."""
    gone = [row["id"] for row in store.state.rows("select id from products order by id")]
    for product in gone:
        _delete(store, product)
    return Accepted(deleteCount=len(gone))


def _delete(store: SandboxStore, product: int) -> None:
    store.state.run("delete from products where id = ?", (product,))
    store.state.run("delete from combinations where product = ?", (product,))
    store.state.run("delete from reviews where product = ?", (product,))
    deleted.remember(store, "products", product)
    store.happened("product.deleted", product)


def adjust(store: SandboxStore, identifier: str, body: Any) -> dict[str, Any]:
    """`PUT /products/{id}/inventory`: `{"quantityDelta": -10}`; with a warning if the stock falls below zero."""
    row = catalog.row(store, identifier)
    kept = json.loads(row["body"])
    left = by_delta(kept, body)
    keep(store, row["id"], kept)
    return moved(left)


def by_delta(kept: dict[str, Any], body: Any) -> int:
    """Change a stock and return the rest. An unlimited stock stays unlimited."""
    sent = fields.read(body, {"quantityDelta": fields.whole})
    if "quantityDelta" not in sent:
        raise fields.absent("quantityDelta")
    if kept["unlimited"]:
        return 0
    kept["quantity"] = kept.get("quantity", 0) + sent["quantityDelta"]
    return int(kept["quantity"])


def moved(left: int) -> dict[str, Any]:
    """Return the answer to a change of stock."""
    return {"updateCount": 1, **({"warning": _GONE_NEGATIVE} if left < 0 else {})}


def counted(kept: dict[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with a consistent stock: a quantity ends an unlimited stock, and an unlimited stock has no quantity."""
    if "quantity" in sent and not sent.get("unlimited"):
        kept["unlimited"] = False
    if kept["unlimited"]:
        kept.pop("quantity", None)
    else:
        kept.setdefault("quantity", 0)
    return kept


def check_sku(store: SandboxStore, sku: str) -> None:
    """Raise 409 if a product or variation has this SKU, unless the store allows duplicates."""
    if store.switches.same_sku_twice or not sku:
        return
    taken = "select 1 from products where sku = ? union all select 1 from combinations where sku = ?"
    if store.state.value(taken, (sku, sku)):
        raise sku_taken(sku)


def sku_taken(sku: str) -> ApiError:
    """Return the 409 for a SKU that is in use."""
    return ApiError(409, f"SKU '{sku}' already exists", "SKU_ALREADY_EXISTS")


def _sound(store: SandboxStore, kept: dict[str, Any]) -> dict[str, Any]:
    """Keep only categories that exist."""
    if "categoryIds" in kept:
        existing = {row["id"] for row in store.state.rows("select id from categories")}
        kept["categoryIds"] = [number for number in dict.fromkeys(kept["categoryIds"]) if number in existing]
    return kept
