"""When a campaign acts: by the clock, by hand, or when something happens in the store (`when:` of a campaign file)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from tillroll.campaign.language.money import Amount
from tillroll.campaign.text.units import Duration, WallTime, Whole, shown
from tillroll.campaign.text.words import Line, Name, Words


class IfLate(StrEnum):
    """What becomes of a slot that was missed while nothing was running."""

    SKIP = "skip"  # let it pass
    RUN_ONCE = "run_once"  # run the latest missed slot, let earlier ones pass
    CATCH_UP = "catch_up"  # run every missed slot


class CustomerCreated(Words):
    """Somebody became a customer of the store."""


class OrderPlaced(Words):
    """A customer ordered; every order, or only those that fit."""

    number: Whole | None = Field(
        default=None, ge=1, le=10_000, description="Only their first order (1), second order (2), ..."
    )
    total_at_least: Amount | None = Field(
        default=None, ge=0, description="Only orders of at least this total, in the store's currency."
    )


class CartAbandoned(Words):
    """A cart was left behind. Ends by itself when it becomes an order."""

    total_at_least: Amount | None = Field(
        default=None, ge=0, description="Only carts worth at least this much, in the store's currency."
    )


class SpentReached(Words):
    """A customer's orders together reached an amount."""

    amount: Amount = Field(gt=0, description="The tier, in the store's currency.")


class Inactive(Words):
    """A customer's last order is so long ago."""

    for_: Duration = Field(alias="for", description="How long without an order.", examples=["90d"])


class Anniversary(Words):
    """The day of a customer's first order comes round again."""

    before: Duration | None = Field(default=None, description="So long before the day.", examples=["7d"])


class Birthday(Words):
    """A customer's birthday, which the store keeps in a field of its own."""

    field: Line = Field(description="Title of the customer field that holds the date.", examples=["Birthday"])
    before: Duration | None = Field(default=None, description="So long before the day.", examples=["7d"])


class ReviewLeft(Words):
    """A customer's review of a product was published."""

    rating_at_least: Whole | None = Field(default=None, ge=1, le=5, description="Only reviews this good.")


class FavouriteAdded(Words):
    """A customer marked a product as a favourite."""


class BackInStock(Words):
    """A product can be bought again. The audience is `who:`, not one customer."""


class Overstocked(Words):
    """There is a lot of a product. The audience is `who:`, not one customer."""

    over: Whole = Field(ge=1, description="More pieces than this.")


class LowStock(Words):
    """Little is left of a product. The audience is `who:`, not one customer."""

    below: Whole | None = Field(
        default=None,
        ge=1,
        description="Fewer pieces than this; without it, the product's own low-stock limit.",
    )


class Custom(Words):
    """Somebody else's software said so, by a signed POST to /events/NAME."""

    event: Name = Field(description="The name in the address, like quiz-finished.")


class Event(Words):
    """Something that happens in the store: exactly one key. A word alone stands for the event without conditions."""

    customer_created: CustomerCreated | None = None
    order_placed: OrderPlaced | None = None
    cart_abandoned: CartAbandoned | None = None
    spent_reached: SpentReached | None = None
    inactive: Inactive | None = None
    first_order_anniversary: Anniversary | None = None
    birthday: Birthday | None = None
    review_left: ReviewLeft | None = None
    favourite_added: FavouriteAdded | None = None
    back_in_stock: BackInStock | None = None
    overstocked: Overstocked | None = None
    low_stock: LowStock | None = None
    custom: Custom | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_word_will_do(cls, raw: Any) -> Any:
        return {raw: {}} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = sorted(name for name in self.model_fields_set if getattr(self, name) is not None)
        if len(given) != 1:
            said = " and ".join(given) or "none"
            raise ValueError(f"on: names exactly one event; here: {said}")
        return self

    @property
    def name(self) -> str:
        """Which event, like order_placed."""
        return next(name for name in self.model_fields_set if getattr(self, name) is not None)

    @property
    def about_product(self) -> bool:
        """Whether it happens to a product: then the audience is `who:`, else the one customer it happened to."""
        return self.name in {"back_in_stock", "overstocked", "low_stock"}


class Again(Words):
    """Whether the same customer (or product) may enter a second time."""

    after: Duration = Field(description="Not sooner than this after the last time.", examples=["30d"])
    most: Whole | None = Field(default=None, ge=1, description="At most so many times in all.")


@cache
def _zones() -> frozenset[str]:
    """Every zone this machine knows; cached, since finding out means walking a folder tree."""
    return frozenset(available_timezones())


class When(Words):
    """The trigger: exactly one of cron, every, at, manual, on."""

    cron: Line | None = Field(
        default=None,
        description="Minute, hour, day, month, weekday, by the wall clock. Weekdays by name, since numbers mean different days "
        "in different crons; day `last` is a month's last one, and a month without the day has no run. Each wall time runs "
        "once: one that the clock skips in spring at the first moment after the gap, one that it shows twice in autumn the "
        "first time.",
        examples=["0 10 * * MON"],
    )
    every: Duration | None = Field(
        default=None,
        description="From the moment the campaign was first seen. Counts real time: when the clocks change, its hour of the day "
        "moves with them.",
        examples=["2w"],
    )
    at: WallTime | None = Field(
        default=None,
        description="Once, by the wall clock; a time that the clock skips or shows twice counts as in cron.",
        examples=["2026-11-27 09:00"],
    )
    manual: Literal[True] | None = Field(default=None, description="Only by hand: tillroll run NAME.")
    on: Event | None = Field(
        default=None,
        description="When something happens in the store.",
        examples=["customer_created", {"order_placed": {"number": 1}}],
    )
    after: Duration | None = Field(
        default=None,
        description="How long after the event; without it at once (a cart must be left for an hour).",
        examples=["2h"],
    )
    again: Again | None = Field(
        default=None, description="Whether the same customer may enter again; without it never."
    )
    timezone: str = Field(
        default="store",
        description="Whose wall clock cron and at follow: a name like Europe/Ljubljana, or the store's own zone.",
    )
    if_late: IfLate = Field(
        default=IfLate.RUN_ONCE, description="What becomes of a slot that was missed while nothing ran."
    )
    within: Duration = Field(
        default=timedelta(hours=6), description="A slot or step later than this is let pass.", examples=["6h"]
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value != "store" and value not in _zones():
            raise ValueError(
                f"{shown(value)} is not a time zone; write store, or a name like Europe/Ljubljana"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        names = ("cron", "every", "at", "manual", "on")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of cron, every, at, manual or on; here: {said}")
        return self

    def zone(self, store_zone: str) -> ZoneInfo:
        """The zone whose wall clock the schedule follows."""
        return ZoneInfo(store_zone if self.timezone == "store" else self.timezone)

    @property
    def delay(self) -> timedelta:
        """How long after its event the first step is due."""
        if self.after is not None:
            return self.after
        left = self.on is not None and self.on.cart_abandoned is not None
        return timedelta(hours=1) if left else timedelta(0)


class Stops(Words):
    """When a campaign stops promoting by itself."""

    stock_below: Whole = Field(
        ge=1,
        description="A product the offer names has fewer pieces than this: nothing more is planned or sent.",
    )
