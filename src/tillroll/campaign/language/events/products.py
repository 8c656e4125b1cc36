"""Events of a product's stock. Their audience is `who:`, not one customer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from tillroll.campaign.language.events.kind import EventKind, Facts, say_when
from tillroll.campaign.text.block import Block, Line
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


class OfCategories(Block):
    """Which products an event of stock is about."""

    categories: tuple[Line, ...] = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="Only products in these categories, by name or path (`Tea/Green`), with their subcategories.",
        examples=[["Tableware"]],
    )

    def say_of(self) -> str:
        """Return ` in Tea or Tableware`; empty for products of any category."""
        return f" in {' or '.join(self.categories)}" if self.categories else ""


class BackInStock(OfCategories):
    """A product is back in stock. The audience is `who:`, not one customer."""


class Overstocked(OfCategories):
    """A product is overstocked. The audience is `who:`, not one customer."""

    over: Whole = Field(ge=1, description="More pieces in stock than this.")


class LowStock(OfCategories):
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
        return say_when(f"a product{stock.say_of()} is running low", after)
    return say_when(
        f"fewer than {count_of(stock.below, 'piece')} of a product{stock.say_of()} are left", after
    )


def _say_overstocked_awaited(stock: Overstocked, _: str, after: timedelta) -> str:
    of = f"of a product{stock.say_of()}"
    return say_when(f"more than {count_of(stock.over, 'piece')} {of} are in stock", after)


BACK_IN_STOCK = EventKind(
    name="back_in_stock",
    conditions=BackInStock,
    variables=PRODUCT,
    say_awaited=lambda stock, _, after: say_when(f"a product{stock.say_of()} is back in stock", after),
    say_happened=lambda _, facts, __: f"{say_product(facts)} is back in stock",
    sample=lambda stock, source: {"product": source.product(of=stock.categories), "quantity": 10},
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
    sample=lambda stock, source: {
        "product": source.product(plentiful=True, of=stock.categories),
        "quantity": stock.over + 1,
    },
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
    sample=lambda stock, source: {
        "product": source.product(of=stock.categories),
        "quantity": (stock.below or 4) - 1,
    },
    about_product=True,
)
KINDS = (BACK_IN_STOCK, OVERSTOCKED, LOW_STOCK)
