"""Events of orders and carts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from tillroll.campaign.language.events.kind import (
    SOMETHING_HAPPENED,
    EventKind,
    Facts,
    SampleSource,
    say_or_more,
    say_when,
)
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.money import Amount, say_money, say_price
from tillroll.campaign.text.units import Whole


class OrderPlaced(Block):
    """A customer placed an order: any order, or one that meets the conditions."""

    number: Whole | None = Field(
        default=None, ge=1, le=10_000, description="Only their first order (1), second order (2), ..."
    )
    total_at_least: Amount | None = Field(
        default=None, ge=0, description="Only orders of at least this total, in the store's currency."
    )
    products: tuple[Line, ...] = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="Only orders of one of these, by SKU; a product's own SKU includes all its variations.",
        examples=[["POT-01"]],
    )
    categories: tuple[Line, ...] = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="Only orders of anything in these categories, by name or path (`Tea/Green`), with their subcategories.",
        examples=[["Tableware"]],
    )


class CartAbandoned(Block):
    """A cart was abandoned. The flow ends when the cart becomes an order."""

    total_at_least: Amount | None = Field(
        default=None, ge=0, description="Only carts worth at least this much, in the store's currency."
    )


class SpentReached(Block):
    """The total of a customer's orders reached an amount."""

    amount: Amount = Field(gt=0, description="The total to reach, in the store's currency.")


def _say_order_awaited(order: OrderPlaced, currency: str, after: timedelta) -> str:
    which = "an order" if order.number is None else f"their order no. {order.number}"
    goods = [*order.products, *(f"anything in {category}" for category in order.categories)]
    of = f" with {' or '.join(goods)}" if goods else ""
    return say_when(f"a customer places {which}{say_or_more(order.total_at_least, currency)}{of}", after)


def _say_order_happened(_: OrderPlaced, facts: Facts, currency: str) -> str:
    if "order" not in facts:
        return SOMETHING_HAPPENED
    return f"Order {facts['order']['id']} of {_say_total(facts['order'], currency)}"


def _say_cart_happened(_: CartAbandoned, facts: Facts, currency: str) -> str:
    if "cart" not in facts:
        return SOMETHING_HAPPENED
    return f"A cart of {_say_total(facts['cart'], currency)} was abandoned"


def _say_total(facts: Facts, currency: str) -> str:
    return say_money(Decimal(str(facts["total"])), currency)


def _sample(conditions: OrderPlaced | CartAbandoned, source: SampleSource) -> Facts:
    total = max(conditions.total_at_least or Decimal(0), source.order_total())
    return {"id": "SAMPLE", "total": str(total)}


def _sample_good(cart: CartAbandoned, source: SampleSource) -> Facts:
    product, total = source.product(), _sample(cart, source)["total"]
    shown = {name: product[name] for name in ("id", "name", "picture")}
    return {**shown, "quantity": 1, "price": product["price"] or total, "options": {}}


ORDER_PLACED = EventKind(
    name="order_placed",
    conditions=OrderPlaced,
    variables={"order": {"id": "", "total": "`{{ order.total | money }}`"}},
    say_awaited=_say_order_awaited,
    say_happened=_say_order_happened,
    sample=lambda order, source: {"order": _sample(order, source)},
)
CART_ABANDONED = EventKind(
    name="cart_abandoned",
    conditions=CartAbandoned,
    variables={
        "cart": {
            "total": "`{{ cart.total | money }}`",
            "goods": "what is in it: `{% for item in cart.goods %}`, each with name, quantity, price and picture",
            "url": "a link that fills the cart again",
        }
    },
    say_awaited=lambda cart, currency, after: say_when(
        f"a cart{say_or_more(cart.total_at_least, currency)} is abandoned", after
    ),
    say_happened=_say_cart_happened,
    sample=lambda cart, source: {
        "cart": {**_sample(cart, source), "goods": [_sample_good(cart, source)], "url": ""}
    },
    default_delay=timedelta(hours=1),
)
SPENT_REACHED = EventKind(
    name="spent_reached",
    conditions=SpentReached,
    variables={},
    say_awaited=lambda tier, currency, after: say_when(
        f"a customer's orders reach {say_price(tier.amount, currency)}", after
    ),
    say_happened=lambda tier, _, currency: f"Their orders reached {say_money(tier.amount, currency)}",
    sample=lambda *_: {},
)
KINDS = (ORDER_PLACED, CART_ABANDONED, SPENT_REACHED)
