"""A row's fields between three writings: ours, the journal's JSON, and the store's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tillroll.catalog.decide import Fields, Options, Value
from tillroll.ecwid.catalog import Product, Variation

_MONEY = {"price", "cost_price"}
_STORE = {
    "name": "name",
    "price": "price",
    "cost_price": "costPrice",
    "low_stock_at": "warningLimit",
    "enabled": "enabled",
    "discounts_allowed": "discountsAllowed",
}


def of_product(product: Product) -> dict[str, Value]:
    """A product's fields as the store has them."""
    return {
        "name": product.name,
        "price": product.price,
        "cost_price": product.cost_price,
        "quantity": product.quantity,
        "low_stock_at": product.low_stock_at,
        "enabled": product.enabled,
        "discounts_allowed": product.discounts_allowed,
        "categories": tuple(sorted(product.category_ids)),
    }


def of_variation(variation: Variation) -> dict[str, Value]:
    """A variation's fields as the store has them."""
    return {
        "price": variation.price,
        "quantity": variation.quantity,
        "low_stock_at": variation.low_stock_at,
    }


def to_journal(fields: Fields | None) -> dict[str, Any] | None:
    """Fields as the journal keeps them: money as text, so that it stays exact."""
    if fields is None:
        return None
    return {
        name: str(value) if isinstance(value, Decimal) else list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
    }


def from_journal(kept: Mapping[str, Any] | None) -> dict[str, Value]:
    """Fields out of the journal."""
    return {name: _value(name, value) for name, value in (kept or {}).items()}


def _value(name: str, kept: Any) -> Value:
    if kept is None:
        return None
    if name in _MONEY:
        return Decimal(kept)
    if name == "categories":
        return tuple(kept)
    value: Value = kept
    return value


def options_of(kept: Iterable[Iterable[str]] | None) -> Options:
    """Options out of the journal."""
    return tuple((name, value) for name, value in (kept or ()))


def body(fields: Fields, *, sku: str = "", options: Options = ()) -> dict[str, Any]:
    """Fields as the store wants to be sent them; `sku` and `options` for something new."""
    sent: dict[str, Any] = {"sku": sku} if sku else {}
    for name, value in fields.items():
        if name == "quantity":
            sent |= {"unlimited": True} if value is None else {"quantity": value, "unlimited": False}
        elif name == "categories":
            sent["categoryIds"] = list(value) if isinstance(value, tuple) else []
        elif value is not None:
            sent[_STORE[name]] = float(value) if isinstance(value, Decimal) else value
    if options:
        sent["options"] = [{"name": name, "value": value} for name, value in options]
    return sent
