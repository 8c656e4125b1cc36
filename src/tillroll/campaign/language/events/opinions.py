"""Events of a customer's opinion of a product: a review, a mark as a favourite, and what becomes of favourites."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from tillroll.campaign.language.events.kind import (
    SOMETHING_HAPPENED,
    EventKind,
    Facts,
    SampleSource,
    say_when,
)
from tillroll.campaign.language.events.products import PRODUCT, say_product
from tillroll.campaign.text.block import Block
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.text.units import Share, Whole


class ReviewLeft(Block):
    """A customer's review of a product was published."""

    rating_at_least: Whole | None = Field(
        default=None, ge=1, le=5, description="Only reviews with this many stars or more."
    )


class FavouriteAdded(Block):
    """A customer marked a product as a favourite."""


class FavouritePriceDrop(Block):
    """The price of a product that a customer marked as a favourite fell."""

    by_at_least: Share | None = Field(
        default=None, gt=0, description="Only if it fell by this share or more.", examples=["10%"]
    )


class FavouriteBackInStock(Block):
    """A product that a customer marked as a favourite is back in stock."""


def _say_review_awaited(review: ReviewLeft, _: str, after: timedelta) -> str:
    least = review.rating_at_least
    stars = "" if least is None else f" of {least} star{'' if least == 1 else 's'} or more"
    return say_when(f"a customer's review{stars} is published", after)


def _say_review_happened(_: ReviewLeft, facts: Facts, __: str) -> str:
    if "review" not in facts:
        return SOMETHING_HAPPENED
    return f"They gave {say_product(facts)} {facts['review']['rating']} of 5 stars"


def _sample_drop(_: FavouritePriceDrop, source: SampleSource) -> Facts:
    product = source.product()
    price = Decimal(product["price"] or 8)
    return {"product": {**product, "price": str(price)}, "earlier": {"price": str(price * 2)}}


REVIEW_LEFT = EventKind(
    name="review_left",
    conditions=ReviewLeft,
    variables={**PRODUCT, "review": {"rating": "stars, from 1 to 5"}},
    say_awaited=_say_review_awaited,
    say_happened=_say_review_happened,
    sample=lambda review, source: {
        "review": {"rating": review.rating_at_least or 5},
        "product": source.product(),
    },
)
FAVOURITE_ADDED = EventKind(
    name="favourite_added",
    conditions=FavouriteAdded,
    variables=PRODUCT,
    say_awaited=lambda _, __, after: say_when("a customer marks a product as a favourite", after),
    say_happened=lambda _, facts, __: f"They marked {say_product(facts)} as a favourite",
    sample=lambda _, source: {"product": source.product()},
    default_again=timedelta(0),
)
FAVOURITE_PRICE_DROP = EventKind(
    name="favourite_price_drop",
    conditions=FavouritePriceDrop,
    variables={**PRODUCT, "earlier": {"price": "`{{ earlier.price | money }}`: before it fell"}},
    say_awaited=lambda drop, _, after: say_when(
        "the price of a customer's favourite falls"
        + (f" by {say_percent(drop.by_at_least * 100)} or more" if drop.by_at_least else ""),
        after,
    ),
    say_happened=lambda _, facts, __: f"The price of their favourite {say_product(facts)} fell",
    sample=_sample_drop,
    default_again=timedelta(days=1),  # a sale lowers many prices on one day
)
FAVOURITE_BACK_IN_STOCK = EventKind(
    name="favourite_back_in_stock",
    conditions=FavouriteBackInStock,
    variables=PRODUCT,
    say_awaited=lambda _, __, after: say_when("a customer's favourite is back in stock", after),
    say_happened=lambda _, facts, __: f"Their favourite {say_product(facts)} is back in stock",
    sample=lambda _, source: {"product": source.product(), "quantity": 10},
    default_again=timedelta(0),
)
KINDS = (REVIEW_LEFT, FAVOURITE_ADDED, FAVOURITE_PRICE_DROP, FAVOURITE_BACK_IN_STOCK)
