"""Sentences for offers: what an approver reads, and `offer.text` in an e-mail."""

from __future__ import annotations

from tillroll.campaign.frozen.proposal import Goods, OfferProduct
from tillroll.campaign.language.models import AllowedCustomers, AppliesTo, Offer, OfferKind, PerCustomer, Uses
from tillroll.campaign.language.value import Figure
from tillroll.campaign.text.money import say_price
from tillroll.campaign.text.percent import say_percent

_USES = {
    Uses.SINGLE: "single use",
    Uses.ONCE_PER_CUSTOMER: "once per customer",
    Uses.UNLIMITED: "unlimited use",
}
_CUSTOMERS = {
    AllowedCustomers.NEW: "first orders only",
    AllowedCustomers.REPEAT: "for customers who have ordered before",
}
_FIGURES = {
    Figure.ORDERS: "number of orders",
    Figure.SPENT: "amount spent",
    Figure.AVERAGE_ORDER: "average order",
    Figure.DAYS_SINCE_LAST_ORDER: "days since the last order",
    Figure.ORDER_TOTAL: "order total",
    Figure.CART_TOTAL: "cart total",
}


def say_offer(offer: Offer, currency: str, goods: Goods | None = None) -> str:
    """Return the offer as a phrase: `15% off Sencha and all of Tableware on orders of €30 or more, single use`.

    `goods` holds the store's names of the products and categories; without it, the names of the file are used.
    """
    parts = [_say_discount(offer, currency, goods)]
    if offer.per_customer is not None:
        parts.append(_say_per_customer(offer.per_customer))
    if offer.customers in _CUSTOMERS:
        parts.append(_CUSTOMERS[offer.customers])
    parts.append(_USES[offer.uses])
    return ", ".join(parts)


def _say_discount(offer: Offer, currency: str, goods: Goods | None) -> str:
    value, upto = offer.largest_value, "up to " if offer.per_customer is not None else ""
    cap = f" (at most {say_price(offer.at_most, currency)})" if offer.at_most is not None else ""
    on = _say_goods(goods, offer.applies_to)
    least = (
        f"orders of {say_price(offer.minimum_subtotal, currency)} or more" if offer.minimum_subtotal else ""
    )
    on_least = f" on {least}" if least else ""
    plain = f"{on}{on_least}" if on else f" {least}" if least else ""
    shipping = (
        f"{on}, with free shipping{',' if least else ''}{on_least}" if on else f" and free shipping{on_least}"
    )
    return {
        OfferKind.PERCENT: f"{upto}{say_percent(value)} off{cap}{plain}",
        OfferKind.AMOUNT: f"{upto}{say_price(value, currency)} off{plain}",
        OfferKind.FREE_SHIPPING: f"free shipping{on_least}",
        OfferKind.PERCENT_AND_SHIPPING: f"{upto}{say_percent(value)} off{cap}{shipping}",
        OfferKind.AMOUNT_AND_SHIPPING: f"{upto}{say_price(value, currency)} off{shipping}",
    }[offer.kind]


def _say_per_customer(value: PerCustomer) -> str:
    """Return `by amount spent: 10 from 0, 15 from 500`; a formula as written."""
    if value.table is None:
        return f"for each customer {value.formula}"
    steps = ", ".join(f"{row.value:f} from {row.from_:f}" for row in value.table.rows)
    return f"by {_FIGURES[value.table.by]}: {steps}"


def _say_goods(goods: Goods | None, wanted: AppliesTo | None) -> str:
    """Return ` Sencha and all of Tableware`; empty for an offer on everything."""
    if goods is not None and (goods.products or goods.categories):
        names = [_say_product(product) for product in goods.products]
        paths = [category.path for category in goods.categories]
    elif wanted is not None:
        names, paths = list(wanted.products), list(wanted.categories)
    else:
        return ""
    words = [*names, *(f"all of {path}" for path in paths)]
    return f" {words[0]}" if len(words) == 1 else f" {', '.join(words[:-1])} and {words[-1]}"


def _say_product(product: OfferProduct) -> str:
    name = product.name or product.sku
    return f"{name} in every variation" if product.by_variation else name
