"""A basket: its prices, a coupon's discount, and the stock that it reduces."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.endpoints import products
from tillroll.sandbox.formats.wire import ApiError, without_unset
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.store import SandboxStore

SHIPPING = 4.90
POST = {"shippingMethodName": "Post", "shippingRate": SHIPPING}
"""How an order says that it is sent by post."""
VAT = 22
"""The tax that the sample shop's prices include, in percent."""


def lines(store: SandboxStore, wanted: Any) -> list[dict[str, Any]]:
    """Return an order's items for `[{"sku" or "productId" (and "combinationId"), "quantity"}]`."""
    if not isinstance(wanted, list) or not wanted or not all(isinstance(line, dict) for line in wanted):
        raise ApiError(400, "a basket needs items", "WRONG_PARAMETER")
    return [_line(store, line, position) for position, line in enumerate(wanted, start=1)]


def _line(store: SandboxStore, wanted: dict[str, Any], position: int) -> dict[str, Any]:
    quantity = wanted.get("quantity", 1)
    if type(quantity) is not int or quantity < 1:
        raise ApiError(400, "quantity is a whole number from one up", "WRONG_PARAMETER")
    row, variation = _found(store, wanted)
    product = json.loads(row["body"])
    own = json.loads(variation["body"]) if variation is not None else {}
    if not product.get("enabled", True):
        raise ApiError(422, f"product {row['sku']} is not for sale")
    stock = own or product
    short = not stock["unlimited"] and stock.get("quantity", 0) < quantity
    if short and store.switches.out_of_stock == "refuse":
        raise ApiError(422, f"product {row['sku']} is out of stock")
    return without_unset(
        {
            "id": position,
            "productId": row["id"],
            "combinationId": variation["id"] if variation is not None else None,
            "categoryId": next(iter(product.get("categoryIds", [])), None),
            "sku": (variation["sku"] if variation is not None else "") or row["sku"],
            "name": product["name"],
            "price": own.get("price", product["price"]),
            "productPrice": product["price"],
            "costPrice": own.get("costPrice", product.get("costPrice")),
            "quantity": quantity,
            "selectedOptions": own.get("options"),
        }
    )


def _found(store: SandboxStore, wanted: dict[str, Any]) -> tuple[sqlite3.Row, sqlite3.Row | None]:
    """Return the product, and its variation if one is named."""
    state, sku = store.state, str(wanted.get("sku", ""))
    variation = state.row(
        "select * from combinations where id = ? or (sku = ? and sku != '')",
        (wanted.get("combinationId", -1), sku),
    )
    product = wanted.get("productId", -1) if variation is None else variation["product"]
    row = state.row("select * from products where id = ?", (product,))
    row = row or state.row("select * from products where sku = ?", (sku,))
    if row is None:
        raise ApiError(422, f"no product {wanted.get('sku') or wanted.get('productId')}")
    return row, variation


def subtotal(items: list[dict[str, Any]]) -> float:
    """Return the sum of the lines."""
    return float(round(sum(item.get("price", 0) * item["quantity"] for item in items), 2))


def discounted(
    store: SandboxStore, offer: dict[str, Any], items: list[dict[str, Any]]
) -> tuple[float, float]:
    """Return (discount on the items, shipping to pay) and note each item's share in it. Raises 422 if nothing applies."""
    eligible = [item for item in items if _mark(store, offer, item)]
    if not eligible:
        raise ApiError(422, "the coupon is for other products")
    kind, value, base = offer["discountType"], offer["discount"], subtotal(eligible)
    off = 0.0
    if kind.startswith("PERCENT"):
        off = min(round(base * value / 100, 2), base)
    elif kind.startswith("ABS"):
        off = min(value, base)
    left = off
    for item in eligible:
        share = round(off * item["price"] * item["quantity"] / base, 2) if base else 0.0
        item["couponAmount"] = round(left, 2) if item is eligible[-1] else share
        left -= share
    return off, 0.0 if "SHIPPING" in kind else SHIPPING


def _mark(store: SandboxStore, offer: dict[str, Any], item: dict[str, Any]) -> bool:
    """Return whether the coupon applies to this item, and write it into the item."""
    limit = offer.get("catalogLimit") or {}
    wanted, shelves = set(limit.get("products") or ()), set(limit.get("categories") or ())
    body = store.state.value("select body from products where id = ?", (item.get("productId", -1),))
    product = json.loads(body) if body else {}
    fits = (
        not (wanted or shelves)
        or item.get("productId") in wanted
        or bool(shelves & set(product.get("categoryIds", [])))
    )
    item["couponApplied"] = fits and product.get("discountsAllowed", True)
    return bool(item["couponApplied"])


def take(store: SandboxStore, items: list[dict[str, Any]]) -> None:
    """Reduce the stock."""
    for item in items:
        row = store.state.row("select * from products where id = ?", (item.get("productId", -1),))
        if row is None:
            continue
        change = {"quantityDelta": -item["quantity"]}
        kept = json.loads(row["body"])
        own = store.state.row("select * from combinations where id = ?", (item.get("combinationId", -1),))
        if own is None:
            products.by_delta(kept, change)
        else:
            varied = json.loads(own["body"])
            products.by_delta(varied, change)
            store.state.run("update combinations set body = ? where id = ?", (dump(varied), own["id"]))
        products.keep(store, row["id"], kept)
