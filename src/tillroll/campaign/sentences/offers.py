"""Offers as sentences, so that an approver reads what the machine will do."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.frozen.proposal import Goods, ProductOn
from tillroll.campaign.language.models import AppliesTo, Customers, Offer, OfferKind, PerCustomer, Uses


def say_money(amount: Decimal, currency: str) -> str:
    """An amount for people, in English."""
    from babel.numbers import format_currency

    return format_currency(amount, currency, locale="en") if currency else f"{amount:f}"


def say_offer(offer: Offer, currency: str, goods: Goods | None = None) -> str:
    """`15 % off Sencha and all of Tableware from €30.00, for customers who have ordered before, once per code`.

    `goods` are the store's own names of what the offer is on; without them the file's names stand.
    """
    value, upto = offer.largest_value, "up to " if offer.per_customer is not None else ""
    on = _say_goods(goods, offer.applies_to)
    least = f" from {say_money(offer.minimum_subtotal, currency)}" if offer.minimum_subtotal else ""
    shipping = f"{on}{least}, with free shipping" if on else f" and free shipping{least}"
    discount = {
        OfferKind.PERCENT: f"{upto}{value:f} % off{on}{least}",
        OfferKind.AMOUNT: f"{upto}{say_money(value, currency)} off{on}{least}",
        OfferKind.FREE_SHIPPING: f"free shipping{least}",
        OfferKind.PERCENT_AND_SHIPPING: f"{upto}{value:f} % off{shipping}",
        OfferKind.AMOUNT_AND_SHIPPING: f"{upto}{say_money(value, currency)} off{shipping}",
    }[offer.kind]
    parts = [discount]
    if offer.per_customer is not None:
        parts.append(_say_per_customer(offer.per_customer))
    if offer.customers is not Customers.ANY:
        parts.append(
            "for first orders"
            if offer.customers is Customers.NEW
            else "for customers who have ordered before"
        )
    parts.append(
        {
            Uses.SINGLE: "once per code",
            Uses.ONCE_PER_CUSTOMER: "once per customer",
            Uses.UNLIMITED: "as often as they like",
        }[offer.uses]
    )
    return ", ".join(parts)


def _say_per_customer(value: PerCustomer) -> str:
    """`by what they spent: 10 from 0, 15 from 500`; a formula is shown as it is written."""
    if value.table is None:
        return f"for each customer {value.formula}"
    steps = ", ".join(f"{row.value:f} from {row.from_:f}" for row in value.table.rows)
    return f"by {value.table.by.value.replace('_', ' ')}: {steps}"


def _say_goods(goods: Goods | None, wanted: AppliesTo | None) -> str:
    """` Sencha and all of Tableware`; nothing when the offer is on everything."""
    if goods is not None and (goods.products or goods.categories):
        names = [_say_product(one) for one in goods.products]
        paths = [one.path for one in goods.categories]
    elif wanted is not None:
        names, paths = list(wanted.products), list(wanted.categories)
    else:
        return ""
    words = [*names, *(f"all of {one}" for one in paths)]
    return f" {words[0]}" if len(words) == 1 else f" {', '.join(words[:-1])} and {words[-1]}"


def _say_product(product: ProductOn) -> str:
    name = product.name or product.sku
    return f"{name} in every variation" if product.by_variation else name
