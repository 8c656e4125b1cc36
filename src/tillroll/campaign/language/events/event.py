"""`on:` of a campaign file, and the register of all event kinds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import model_validator

from tillroll.campaign.language.events import (
    custom,
    customers,
    days,
    opinions,
    orders,
    products,
    rhythm,
    segments,
    tiers,
)
from tillroll.campaign.language.events.custom import Custom
from tillroll.campaign.language.events.customers import CustomerCreated, GroupEntered, Inactive
from tillroll.campaign.language.events.days import Anniversary, Birthday
from tillroll.campaign.language.events.kind import EventKind
from tillroll.campaign.language.events.opinions import (
    FavouriteAdded,
    FavouriteBackInStock,
    FavouritePriceDrop,
    ReviewLeft,
)
from tillroll.campaign.language.events.orders import CartAbandoned, OrderPlaced, SpentReached
from tillroll.campaign.language.events.products import BackInStock, LowStock, Overstocked
from tillroll.campaign.language.events.rhythm import TimeToBuyAgain
from tillroll.campaign.language.events.segments import SegmentEntered, SegmentLeft
from tillroll.campaign.language.events.tiers import TierEntered
from tillroll.campaign.text.block import Block


class Event(Block):
    """A store event: exactly one key. The event's name alone means the event without conditions."""

    customer_created: CustomerCreated | None = None
    order_placed: OrderPlaced | None = None
    cart_abandoned: CartAbandoned | None = None
    spent_reached: SpentReached | None = None
    inactive: Inactive | None = None
    time_to_buy_again: TimeToBuyAgain | None = None
    group_entered: GroupEntered | None = None
    segment_entered: SegmentEntered | None = None
    segment_left: SegmentLeft | None = None
    tier_entered: TierEntered | None = None
    first_order_anniversary: Anniversary | None = None
    birthday: Birthday | None = None
    review_left: ReviewLeft | None = None
    favourite_added: FavouriteAdded | None = None
    favourite_price_drop: FavouritePriceDrop | None = None
    favourite_back_in_stock: FavouriteBackInStock | None = None
    back_in_stock: BackInStock | None = None
    overstocked: Overstocked | None = None
    low_stock: LowStock | None = None
    custom: Custom | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_a_word(cls, raw: Any) -> Any:
        return {raw: {}} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = sorted(name for name in self.model_fields_set if getattr(self, name) is not None)
        if len(given) != 1:
            names = " and ".join(given) or "none"
            raise ValueError(f"on: names exactly one event; found: {names}")
        return self

    @cached_property
    def name(self) -> str:
        """The name of the event, like order_placed."""
        return next(name for name in self.model_fields_set if getattr(self, name) is not None)

    @property
    def kind(self) -> EventKind[Any]:
        """The record of this event's kind."""
        return EVENT_KINDS[self.name]

    @property
    def conditions(self) -> Block:
        """The event's conditions in the file; an instance of its kind's `conditions`."""
        conditions: Block = getattr(self, self.name)
        return conditions

    @property
    def segment(self) -> str:
        """The segment that it is about; empty for most events."""
        watched = self.segment_entered or self.segment_left
        return watched.segment if watched is not None else ""

    @property
    def about_product(self) -> bool:
        """Whether it is about a product; then the audience is `who:`, else the one customer of the event."""
        return self.kind.about_product


def registered_kinds() -> tuple[EventKind[Any], ...]:
    """Return the records of all families."""
    return (
        *customers.KINDS,
        *orders.KINDS,
        *days.KINDS,
        *rhythm.KINDS,
        *segments.KINDS,
        *tiers.KINDS,
        *opinions.KINDS,
        *products.KINDS,
        *custom.KINDS,
    )


EVENT_KINDS: Mapping[str, EventKind[Any]] = {
    name: kind for name in Event.model_fields for kind in registered_kinds() if kind.name == name
}
"""The record of every event that a campaign file can name, by that name; a house test checks that none is missing."""

EVENT_VARIABLES: Mapping[str, Mapping[str, str]] = {
    variable: fields for kind in EVENT_KINDS.values() for variable, fields in sorted(kind.variables.items())
}
"""The variables that only messages about an event have, with the meaning of their fields."""


def variables_of(event: Event | None) -> frozenset[str]:
    """Return the variables that messages about an event have besides the customer's; none without an event."""
    return frozenset(event.kind.variables) if event is not None else frozenset()


def event_names(variable: str) -> tuple[str, ...]:
    """Return the names of the events whose messages have a variable."""
    return tuple(name for name, kind in EVENT_KINDS.items() if variable in kind.variables)
