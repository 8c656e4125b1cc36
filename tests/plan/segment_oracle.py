"""The meaning of segments in plain Python, over a world of plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.plan.world import CATEGORIES, PRODUCTS, SHELVES, VARIATIONS, Mail, Person, World, campaign_of
from tests.shop import NOW
from tillroll.campaign.segments.segment import Condition
from tillroll.campaign.states import MessageState

LOST = {"CANCELLED", "REFUNDED", "INCOMPLETE"}


def fits(condition: Condition, person: Person, world: World) -> bool:
    """Return whether a customer matches a condition."""
    name, value = condition.only_key
    if name == "all":
        return all(fits(part, person, world) for part in value)
    if name == "any":
        return any(fits(part, person, world) for part in value)
    if name == "not_":
        return not fits(value, person, world)
    return RULES[name](value, person, world)


def _is_within_bounds(figure: int | Decimal, bounds: Any) -> bool:
    return (bounds.at_least is None or figure >= bounds.at_least) and (
        bounds.at_most is None or figure <= bounds.at_most
    )


def _is_recent(at: datetime | None, within: Any) -> bool:
    return within is None or (at is not None and at > NOW - within)


def _orders_of(person: Person, world: World, within: Any) -> Iterable[Any]:
    return (
        order
        for order in world.orders
        if order.customer == person.id and order.status not in LOST and _is_recent(order.at, within)
    )


def _orders(value: Any, person: Person, world: World) -> bool:
    count = (
        person.row["orders"] if value.within is None else len(list(_orders_of(person, world, value.within)))
    )
    return _is_within_bounds(count, value)


def _spent(value: Any, person: Person, world: World) -> bool:
    if value.within is None:
        return _is_within_bounds(person.row["spent"], value)
    return _is_within_bounds(
        sum((order.total for order in _orders_of(person, world, value.within)), Decimal(0)), value
    )


def _average(value: Any, person: Person, _world: World) -> bool:
    count = person.row["orders"]
    return count > 0 and _is_within_bounds(person.row["spent"] / count, value)


def _moment_rule(column: str) -> Callable[[Any, Person, World], bool]:
    def rule(value: Any, person: Person, _world: World) -> bool:
        at = person.row[column]
        if value.never or at is None:
            return bool(value.never) and at is None
        longer = value.more_than is None or at < NOW - value.more_than
        return longer and (value.less_than is None or at > NOW - value.less_than)

    return rule


def _below(name: str) -> set[int]:
    path = name.strip("/").split("/")

    def names(category: int) -> list[str]:
        parent, label = CATEGORIES[category]
        return [*(names(parent) if parent else []), label]

    categories = {category for category in CATEGORIES if names(category)[-len(path) :] == path}
    while (
        more := {category for category, (parent, _) in CATEGORIES.items() if parent in categories}
        - categories
    ):
        categories |= more
    return categories


def _bought(value: Any, person: Person, world: World) -> bool:
    wanted = set(value.products)
    shelves = {category for name in value.categories for category in _below(name)}
    pieces = [
        line.quantity
        for order in _orders_of(person, world, value.within)
        for line in order.lines
        if line.sku in wanted
        or PRODUCTS.get(line.product_id or 0) in wanted
        or shelves & set(SHELVES.get(line.product_id or 0, ()))
    ]
    return sum(pieces) >= value.at_least if (value.at_least or 1) > 1 else bool(pieces)


def _rfm(value: Any, person: Person, world: World) -> bool:
    buyers = [buyer.row for buyer in world.people if buyer.row["orders"] > 0 and buyer.row["last_order_at"]]
    if person.row not in buyers:
        return False
    figures = {"recency": "last_order_at", "frequency": "orders", "monetary": "spent"}
    for name, column in figures.items():
        wanted = getattr(value, name)
        if wanted is not None:
            below = sum(1 for buyer in buyers if buyer[column] < person.row[column])
            if wanted.top is not None:
                if below < len(buyers) * (1 - wanted.top):
                    return False
                continue
            if not _is_within_bounds(1 + 5 * below // len(buyers), wanted):
                return False
    return True


def _membership_rule(column: str) -> Callable[[Any, Person, World], bool]:
    return lambda value, person, _world: person.row[column] in value.in_


def _place_rule(column: str) -> Callable[[Any, Person, World], bool]:
    def plain(text: str) -> str:
        return "".join(
            character.lower() if character.isascii() else character for character in text.strip(" ")
        )

    return lambda value, person, _world: plain(person.row[column]) in {plain(text) for text in value.in_}


def _field(value: Any, person: Person, _world: World) -> bool:
    if value.title not in person.fields:
        return False
    text = person.fields[value.title]
    if value.filled:
        return text.strip() != ""
    if value.in_:
        return text in value.in_
    return bool({part.strip() for part in text.split(",")} & set(value.includes))


def _favourite(value: Any, person: Person, _world: World) -> bool:
    wanted = {product_id for product_id, sku in PRODUCTS.items() if sku in value.products}
    wanted |= {VARIATIONS[sku] for sku in value.products if sku in VARIATIONS}
    return any(
        (not value.products or product in wanted) and _is_recent(at, value.within)
        for product, at in person.favourites
    )


def _reviewed(value: Any, person: Person, _world: World) -> bool:
    least, most = value.rating_at_least or 1, value.rating_at_most or 5
    return any(least <= stars <= most and _is_recent(at, value.within) for stars, at in person.reviews)


def _mails(value: Any, person: Person, world: World) -> list[Mail]:
    return [
        mail
        for mail in world.mails
        if mail.customer == person.id
        and mail.state in {MessageState.SENT, MessageState.UNKNOWN}
        and (not value.campaigns or mail.campaign in value.campaigns)
        and _is_recent(mail.at, value.within)
    ]


def _used_by(world: World, person: Person | None, code: int) -> list[str]:
    buyer = {order.number: order.customer for order in world.orders}
    return [
        order
        for used_code, order in world.used
        if used_code == code and (person is None or buyer[order] == person.id)
    ]


def _used(value: Any, person: Person, world: World) -> bool:
    by_number = {order.number: order for order in world.orders}
    return any(
        by_number[order].customer == person.id
        and (not value.campaigns or campaign_of(world, code) in value.campaigns)
        and _is_recent(by_number[order].at, value.within)
        for code, order in world.used
    )


def _ignored(value: Any, person: Person, world: World) -> bool:
    return any(
        mail.code is not None
        and mail.until is not None
        and mail.until < NOW
        and not _used_by(world, None if mail.code > 0 else person, mail.code)
        for mail in _mails(value, person, world)
    )


def _listed(value: Any, person: Person, world: World) -> bool:
    for name in value.in_:
        customer_list = world.lists[name]
        member = person.row["email"].lower() if customer_list.column == "email" else str(person.id)
        if member in customer_list.members:
            return True
    return False


RULES: dict[str, Callable[[Any, Person, World], bool]] = {
    "orders": _orders,
    "spent": _spent,
    "average_order": _average,
    "first_order": _moment_rule("first_order_at"),
    "last_order": _moment_rule("last_order_at"),
    "registered": _moment_rule("registered_at"),
    "bought": _bought,
    "rfm": _rfm,
    "accepts_marketing": lambda value, person, _world: person.row["accepts_marketing"] is value,
    "country": _membership_rule("country"),
    "language": _membership_rule("language"),
    "group": _membership_rule("group_name"),
    "tier": lambda value, person, _world: person.tier in value.in_,
    "region": _place_rule("region"),
    "city": _place_rule("city"),
    "field": _field,
    "favourite": _favourite,
    "reviewed": _reviewed,
    "got_email": lambda value, person, world: len(_mails(value, person, world)) >= (value.at_least or 1),
    "got_code": lambda value, person, world: any(
        mail.code is not None for mail in _mails(value, person, world)
    ),
    "used_code": _used,
    "ignored_code": _ignored,
    "list": _listed,
}
