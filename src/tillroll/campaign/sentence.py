"""Segments and offers as sentences, so that an approver reads what the machine will do."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.models import AppliesTo, Customers, Offer, OfferKind, PerCustomer, Uses
from tillroll.campaign.proposal import Goods, ProductOn
from tillroll.campaign.segment import Condition, Count, Moment, Segment, Sum
from tillroll.campaign.units import spell_duration

_WHAT = {"first_order": "first ordered", "last_order": "last ordered", "registered": "registered"}


def say_segment(segment: Segment) -> str:
    """`Customers who ordered at least 2 times, and last ordered more than 90 days ago.`"""
    return f"Customers who {_say(segment.where)}."


def _say(condition: Condition) -> str:
    name = next(iter(condition.model_fields_set))
    value = getattr(condition, name)
    match name:
        case "all" | "any":
            parts = [_say(one) for one in value]
            joined = (", and " if name == "all" else ", or ").join(parts)
            return joined if len(parts) == 1 or name == "all" else f"either {joined}"
        case "not_":
            return f"are not among those who {_say(value)}"
        case "orders":
            return _say_count(value)
        case "spent":
            return f"spent {_say_sum(value)} in all"
        case "average_order":
            return f"spend {_say_sum(value)} an order on average"
        case "first_order" | "last_order" | "registered":
            return _say_moment(_WHAT[name], value)
        case "accepts_marketing":
            return "agreed to e-mails" if value else "did not agree to e-mails"
        case "country":
            return f"live in {_say_list(value.in_)}"
        case "language":
            return f"read {_say_list(value.in_)}"
        case _:
            return f"are in the group {_say_list(value.in_)}"


def _say_count(bounds: Count) -> str:
    least, most = bounds.at_least, bounds.at_most
    if most == 0:
        return "never ordered"
    if least == most:
        return f"ordered exactly {_times(least or 0)}"
    if most is None:
        return f"ordered at least {_times(least or 0)}"
    return f"ordered at most {_times(most)}" if not least else f"ordered {least} to {most} times"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _say_sum(bounds: Sum) -> str:
    parts = []
    if bounds.at_least is not None:
        parts.append(f"at least {bounds.at_least:f}")
    if bounds.at_most is not None:
        parts.append(f"at most {bounds.at_most:f}")
    return " and ".join(parts)


def _say_moment(what: str, moment: Moment) -> str:
    if moment.never:
        return f"never {what.removeprefix('first ').removeprefix('last ')}"
    parts = []
    if moment.more_than is not None:
        parts.append(f"more than {spell_duration(moment.more_than)} ago")
    if moment.less_than is not None:
        parts.append(f"less than {spell_duration(moment.less_than)} ago")
    return f"{what} {' and '.join(parts)}"


def _say_list(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


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
