"""What somebody puts in the basket: its prices, what a coupon takes off, and the stock it comes from."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tillroll.sandbox.areas import products
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import ApiError, without_unset

SHIPPING = 4.90


def lines(store: Store, asked: Any) -> list[dict[str, Any]]:
    """An order's items for `[{"sku" or "productId" (and "combinationId"), "quantity"}]`."""
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise ApiError(400, "a basket needs items", "WRONG_PARAMETER")
    return [_line(store, one, position) for position, one in enumerate(asked, start=1)]


def _line(store: Store, asked: dict[str, Any], position: int) -> dict[str, Any]:
    quantity = asked.get("quantity", 1)
    if type(quantity) is not int or quantity < 1:
        raise ApiError(400, "quantity is a whole number from one up", "WRONG_PARAMETER")
    row, variation = _found(store, asked)
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


def _found(store: Store, asked: dict[str, Any]) -> tuple[sqlite3.Row, sqlite3.Row | None]:
    """The product, and its variation when one is meant."""
    state, sku = store.state, str(asked.get("sku", ""))
    variation = state.row(
        "select * from combinations where id = ? or (sku = ? and sku != '')",
        (asked.get("combinationId", -1), sku),
    )
    product = asked.get("productId", -1) if variation is None else variation["product"]
    row = state.row("select * from products where id = ?", (product,))
    row = row or state.row("select * from products where sku = ?", (sku,))
    if row is None:
        raise ApiError(422, f"no product {asked.get('sku') or asked.get('productId')}")
    return row, variation


def subtotal(items: list[dict[str, Any]]) -> float:
    """The sum of the lines."""
    return float(round(sum(item.get("price", 0) * item["quantity"] for item in items), 2))


def discounted(store: Store, offer: dict[str, Any], items: list[dict[str, Any]]) -> tuple[float, float]:
    """(money off the items, shipping to pay); each item learns its part. 422 when nothing fits the coupon."""
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


def _mark(store: Store, offer: dict[str, Any], item: dict[str, Any]) -> bool:
    """Whether the coupon takes something off this item; the item is told."""
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


def take(store: Store, items: list[dict[str, Any]]) -> None:
    """The goods leave the shelf."""
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
