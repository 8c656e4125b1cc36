"""Events of a product's stock. Their audience is `who:`, not one customer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, Facts, say_when
from tillroll.campaign.text.block import Block
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import Whole

PRODUCT: Mapping[str, Mapping[str, str]] = {
    "product": {
        "name": "",
        "sku": "",
        "price": "`{{ product.price | money }}`",
        "url": "its page in the shop",
        "picture": "the address of its picture; empty: none",
    }
}
"""The variable of every event that names a product."""


class BackInStock(Block):
    """A product is back in stock. The audience is `who:`, not one customer."""


class Overstocked(Block):
    """A product is overstocked. The audience is `who:`, not one customer."""

    over: Whole = Field(ge=1, description="More pieces in stock than this.")


class LowStock(Block):
    """A product is running low. The audience is `who:`, not one customer."""

    below: Whole | None = Field(
        default=None,
        ge=1,
        description="Fewer pieces in stock than this; by default, the product's own low-stock limit.",
    )


def say_product(facts: Facts) -> str:
    """Return the name of the product that an event is about, or its SKU if it has no name."""
    product = facts.get("product", {})
    return str(product.get("name") or product.get("sku") or "a product")


def _say_low_awaited(stock: LowStock, _: str, after: timedelta) -> str:
    if stock.below is None:
        return say_when("a product is running low", after)
    return say_when(f"fewer than {count_of(stock.below, 'piece')} of a product are left", after)


def _say_overstocked_awaited(stock: Overstocked, _: str, after: timedelta) -> str:
    return say_when(f"more than {count_of(stock.over, 'piece')} of a product are in stock", after)


BACK_IN_STOCK = EventKind(
    name="back_in_stock",
    conditions=BackInStock,
    variables=PRODUCT,
    say_awaited=lambda _, __, after: say_when("a product is back in stock", after),
    say_happened=lambda _, facts, __: f"{say_product(facts)} is back in stock",
    sample=lambda _, source: {"product": source.product(), "quantity": 10},
    about_product=True,
)
OVERSTOCKED = EventKind(
    name="overstocked",
    conditions=Overstocked,
    variables=PRODUCT,
    say_awaited=_say_overstocked_awaited,
    say_happened=lambda _, facts, __: (
        f"{say_product(facts)} is overstocked: {facts.get('quantity', 'many')} in stock"
    ),
    sample=lambda stock, source: {"product": source.product(plentiful=True), "quantity": stock.over + 1},
    about_product=True,
)
LOW_STOCK = EventKind(
    name="low_stock",
    conditions=LowStock,
    variables=PRODUCT,
    say_awaited=_say_low_awaited,
    say_happened=lambda _, facts, __: (
        f"{say_product(facts)} is running low: {facts.get('quantity', 'few')} left"
    ),
    sample=lambda stock, source: {"product": source.product(), "quantity": (stock.below or 4) - 1},
    about_product=True,
)
KINDS = (BACK_IN_STOCK, OVERSTOCKED, LOW_STOCK)
