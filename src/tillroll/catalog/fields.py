"""Converting a row's fields between our form, the journal's JSON and the store's JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tillroll.catalog.decide import Fields, Options, Value
from tillroll.ecwid.endpoints.catalog import Product, Variation

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
    """Return the fields of a product in the store."""
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
    """Return the fields of a variation in the store."""
    return {
        "price": variation.price,
        "quantity": variation.quantity,
        "low_stock_at": variation.low_stock_at,
    }


def to_journal(fields: Fields | None) -> dict[str, Any] | None:
    """Return fields as the journal stores them. Amounts become text, so that they stay exact."""
    if fields is None:
        return None
    return {
        name: str(value) if isinstance(value, Decimal) else list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
    }


def from_journal(stored: Mapping[str, Any] | None) -> dict[str, Value]:
    """Return fields that the journal has stored."""
    return {name: _value(name, value) for name, value in (stored or {}).items()}


def _value(name: str, stored: Any) -> Value:
    if stored is None:
        return None
    if name in _MONEY:
        return Decimal(stored)
    if name == "categories":
        return tuple(stored)
    value: Value = stored
    return value


def options_of(stored: Iterable[Iterable[str]] | None) -> Options:
    """Return options that the journal has stored."""
    return tuple((name, value) for name, value in (stored or ()))


def body(fields: Fields, *, sku: str = "", options: Options = ()) -> dict[str, Any]:
    """Return fields as the body of a call to the store. `sku` and `options` are for a new product or variation."""
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
