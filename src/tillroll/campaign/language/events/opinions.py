"""Events of a customer's opinion of a product: a review, or a mark as a favourite."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from tillroll.campaign.language.events.kind import SOMETHING_HAPPENED, EventKind, Facts, say_when
from tillroll.campaign.language.events.products import PRODUCT, say_product
from tillroll.campaign.text.block import Block
from tillroll.campaign.text.units import Whole


class ReviewLeft(Block):
    """A customer's review of a product was published."""

    rating_at_least: Whole | None = Field(
        default=None, ge=1, le=5, description="Only reviews with this many stars or more."
    )


class FavouriteAdded(Block):
    """A customer marked a product as a favourite."""


def _say_review_awaited(review: ReviewLeft, _: str, after: timedelta) -> str:
    least = review.rating_at_least
    stars = "" if least is None else f" of {least} star{'' if least == 1 else 's'} or more"
    return say_when(f"a customer's review{stars} is published", after)


def _say_review_happened(_: ReviewLeft, facts: Facts, __: str) -> str:
    if "review" not in facts:
        return SOMETHING_HAPPENED
    return f"They gave {say_product(facts)} {facts['review']['rating']} of 5 stars"


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
)
KINDS = (REVIEW_LEFT, FAVOURITE_ADDED)
