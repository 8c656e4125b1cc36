"""What a segment means, in plain Python, over a world of plain values."""

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
    """Whether somebody is meant."""
    name, value = condition.said_key
    if name == "all":
        return all(fits(one, person, world) for one in value)
    if name == "any":
        return any(fits(one, person, world) for one in value)
    if name == "not_":
        return not fits(value, person, world)
    return RULES[name](value, person, world)


def _bounded(figure: int | Decimal, bounds: Any) -> bool:
    return (bounds.at_least is None or figure >= bounds.at_least) and (
        bounds.at_most is None or figure <= bounds.at_most
    )


def _lately(at: datetime | None, within: Any) -> bool:
    return within is None or (at is not None and at > NOW - within)


def _theirs(person: Person, world: World, within: Any) -> Iterable[Any]:
    return (
        one
        for one in world.orders
        if one.customer == person.id and one.status not in LOST and _lately(one.at, within)
    )


def _orders(value: Any, person: Person, world: World) -> bool:
    count = person.row["orders"] if value.within is None else len(list(_theirs(person, world, value.within)))
    return _bounded(count, value)


def _spent(value: Any, person: Person, world: World) -> bool:
    if value.within is None:
        return _bounded(person.row["spent"], value)
    return _bounded(sum((one.total for one in _theirs(person, world, value.within)), Decimal(0)), value)


def _average(value: Any, person: Person, _world: World) -> bool:
    count = person.row["orders"]
    return count > 0 and _bounded(person.row["spent"] / count, value)


def _when(column: str) -> Callable[[Any, Person, World], bool]:
    def rule(value: Any, person: Person, _world: World) -> bool:
        at = person.row[column]
        if value.never or at is None:
            return bool(value.never) and at is None
        longer = value.more_than is None or at < NOW - value.more_than
        return longer and (value.less_than is None or at > NOW - value.less_than)

    return rule


def _below(name: str) -> set[int]:
    path = name.strip("/").split("/")

    def names(one: int) -> list[str]:
        parent, own = CATEGORIES[one]
        return [*(names(parent) if parent else []), own]

    found = {one for one in CATEGORIES if names(one)[-len(path) :] == path}
    while more := {one for one, (parent, _) in CATEGORIES.items() if parent in found} - found:
        found |= more
    return found


def _bought(value: Any, person: Person, world: World) -> bool:
    wanted = set(value.products)
    shelves = {one for name in value.categories for one in _below(name)}
    pieces = [
        line.quantity
        for order in _theirs(person, world, value.within)
        for line in order.lines
        if line.sku in wanted
        or PRODUCTS.get(line.product_id or 0) in wanted
        or shelves & set(SHELVES.get(line.product_id or 0, ()))
    ]
    return sum(pieces) >= value.at_least if (value.at_least or 1) > 1 else bool(pieces)


def _rfm(value: Any, person: Person, world: World) -> bool:
    buyers = [one.row for one in world.people if one.row["orders"] > 0 and one.row["last_order_at"]]
    if person.row not in buyers:
        return False
    figures = {"recency": "last_order_at", "frequency": "orders", "monetary": "spent"}
    for name, column in figures.items():
        wanted = getattr(value, name)
        if wanted is not None:
            below = sum(1 for one in buyers if one[column] < person.row[column])
            if not _bounded(1 + 5 * below // len(buyers), wanted):
                return False
    return True


def _one_of(column: str) -> Callable[[Any, Person, World], bool]:
    return lambda value, person, _world: person.row[column] in value.in_


def _place(column: str) -> Callable[[Any, Person, World], bool]:
    def plain(text: str) -> str:
        return "".join(sign.lower() if sign.isascii() else sign for sign in text.strip(" "))

    return lambda value, person, _world: plain(person.row[column]) in {plain(one) for one in value.in_}


def _field(value: Any, person: Person, _world: World) -> bool:
    if value.title not in person.fields:
        return False
    text = person.fields[value.title]
    if value.filled:
        return text.strip() != ""
    if value.in_:
        return text in value.in_
    return bool({one.strip() for one in text.split(",")} & set(value.includes))


def _favourite(value: Any, person: Person, _world: World) -> bool:
    wanted = {one for one, sku in PRODUCTS.items() if sku in value.products}
    wanted |= {VARIATIONS[sku] for sku in value.products if sku in VARIATIONS}
    return any(
        (not value.products or product in wanted) and _lately(at, value.within)
        for product, at in person.favourites
    )


def _reviewed(value: Any, person: Person, _world: World) -> bool:
    least, most = value.rating_at_least or 1, value.rating_at_most or 5
    return any(least <= stars <= most and _lately(at, value.within) for stars, at in person.reviews)


def _mails(value: Any, person: Person, world: World) -> list[Mail]:
    return [
        one
        for one in world.mails
        if one.customer == person.id
        and one.state in {MessageState.SENT, MessageState.UNKNOWN}
        and (not value.campaigns or one.campaign in value.campaigns)
        and _lately(one.at, value.within)
    ]


def _used_by(world: World, person: Person | None, code: int) -> list[str]:
    buyer = {one.number: one.customer for one in world.orders}
    return [
        order for one, order in world.used if one == code and (person is None or buyer[order] == person.id)
    ]


def _used(value: Any, person: Person, world: World) -> bool:
    by_number = {one.number: one for one in world.orders}
    return any(
        by_number[order].customer == person.id
        and (not value.campaigns or campaign_of(world, code) in value.campaigns)
        and _lately(by_number[order].at, value.within)
        for code, order in world.used
    )


def _ignored(value: Any, person: Person, world: World) -> bool:
    return any(
        one.code is not None
        and one.until is not None
        and one.until < NOW
        and not _used_by(world, None if one.code > 0 else person, one.code)
        for one in _mails(value, person, world)
    )


def _listed(value: Any, person: Person, world: World) -> bool:
    for name in value.in_:
        found = world.lists[name]
        own = person.row["email"].lower() if found.column == "email" else str(person.id)
        if own in found.members:
            return True
    return False


RULES: dict[str, Callable[[Any, Person, World], bool]] = {
    "orders": _orders,
    "spent": _spent,
    "average_order": _average,
    "first_order": _when("first_order_at"),
    "last_order": _when("last_order_at"),
    "registered": _when("registered_at"),
    "bought": _bought,
    "rfm": _rfm,
    "accepts_marketing": lambda value, person, _world: person.row["accepts_marketing"] is value,
    "country": _one_of("country"),
    "language": _one_of("language"),
    "group": _one_of("group_name"),
    "region": _place("region"),
    "city": _place("city"),
    "field": _field,
    "favourite": _favourite,
    "reviewed": _reviewed,
    "got_email": lambda value, person, world: len(_mails(value, person, world)) >= (value.at_least or 1),
    "got_code": lambda value, person, world: any(
        one.code is not None for one in _mails(value, person, world)
    ),
    "used_code": _used,
    "ignored_code": _ignored,
    "list": _listed,
}
