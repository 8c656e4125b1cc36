"""The blocks of a segment's conditions: bounds, times, lists of names, and what customers did."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.language.models import Block, Line, Name
from tillroll.campaign.language.translations import Language
from tillroll.campaign.text.units import Ago, KeyFault, Number, Period, Share, Whole

MOST_NAMES = 1_000
"""The most names in one condition; more belong in an uploaded list (rules/lists/)."""

_MOST = 1_000_000_000  # the highest count
_MOST_MONEY = 10_000_000_000  # multiplied by a number of orders, it still fits the ledger's columns

COUNTRY_PATTERN = r"^[A-Z]{2}$"
Country = Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN)]  # ISO 3166-1 alpha-2
Within = Annotated[
    Period | None, Field(description="Only what happened in this time until now.", examples=["90d"])
]
Skus = Annotated[
    tuple[Line, ...],
    Field(
        max_length=MOST_NAMES,
        description="SKUs of products or variations; a product's own SKU includes all its variations.",
        examples=[["TEA-01"]],
    ),
]
Campaigns = Annotated[
    tuple[Name, ...],
    Field(
        max_length=MOST_NAMES,
        description="Names of campaigns; without it, any campaign.",
        examples=[["winback"]],
    ),
]


def _names(description: str, example: list[str]) -> Any:
    """Return the field of a key `in:` with a list of names."""
    return Field(alias="in", min_length=1, max_length=MOST_NAMES, description=description, examples=[example])


def _check_bounds(least: int | Decimal | None, most: int | Decimal | None) -> None:
    if least is None and most is None:
        raise ValueError("give at_least:, at_most:, or both")
    if least is not None and most is not None and least > most:
        raise KeyFault("at_least", "at_least: is more than at_most:, so nobody matches")


_BOUND_WORDS = {
    **dict.fromkeys(("more_than", "over", "above", "min", "minimum", "from", "greater_than"), "least"),
    **dict.fromkeys(("less_than", "under", "below", "max", "maximum", "up_to", "fewer_than"), "most"),
}
"""What people write for a bound, and which one they mean."""

_BOUNDS_OF_COUNT = {
    word: "write at_least: for this many or more (more than 2 is at_least: 3)"
    if bound == "least"
    else "write at_most: for this many or fewer (fewer than 3 is at_most: 2)"
    for word, bound in _BOUND_WORDS.items()
}
_BOUNDS_OF_SUM = {
    word: f"write at_{bound}: with the amount, like spent: {{at_{bound}: 500}}; the amount itself counts too"
    for word, bound in _BOUND_WORDS.items()
}


def _top_of(figure: str, who: str) -> dict[str, str]:
    """Return what to write for the best customers by a figure."""
    line = f"for the 5% of buyers who {who}, write rfm: {{{figure}: {{top: 5%}}}} instead of this condition"
    return dict.fromkeys(("top", "best", "highest", "top_percent", "percentile"), line)


class Count(Block):
    """A number of orders within bounds; at least one bound. Cancelled and refunded orders don't count."""

    meant: ClassVar[Mapping[str, str]] = {**_BOUNDS_OF_COUNT, **_top_of("frequency", "ordered most")}

    at_least: Whole | None = Field(
        default=None, ge=0, le=_MOST, description="This many or more.", examples=[2]
    )
    at_most: Whole | None = Field(
        default=None, ge=0, le=_MOST, description="This many or fewer.", examples=[0]
    )
    within: Within = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Sum(Block):
    """An amount of money in the store's currency within bounds; at least one bound."""

    meant: ClassVar[Mapping[str, str]] = _BOUNDS_OF_SUM

    at_least: Number | None = Field(
        default=None, ge=0, le=_MOST_MONEY, description="This much or more.", examples=[500]
    )
    at_most: Number | None = Field(
        default=None, ge=0, le=_MOST_MONEY, description="This much or less.", examples=[50]
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Spent(Sum):
    """The amount spent, with shipping and taxes, in the store's currency; at least one bound."""

    meant: ClassVar[Mapping[str, str]] = {**_BOUNDS_OF_SUM, **_top_of("monetary", "spent most")}

    within: Within = None


class Moment(Block):
    """How long ago something happened. Customers for whom it never happened match only `never: true`."""

    more_than: Ago | None = Field(default=None, description="Longer ago than this.", examples=["90d ago"])
    less_than: Ago | None = Field(default=None, description="More recently than this.", examples=["30d ago"])
    never: Literal[True] | None = Field(default=None, description="It never happened.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        bounded = self.more_than is not None or self.less_than is not None
        if bounded == (self.never is not None):
            raise ValueError("give more_than: and/or less_than: (like 90d ago), or never: true")
        if self.more_than and self.less_than and self.more_than >= self.less_than:
            raise KeyFault("less_than", "less_than: must be longer ago than more_than:, or nobody matches")
        return self


class Bought(Block):
    """Any of these products, or anything in these categories. Cancelled and refunded orders don't count."""

    products: Skus = ()
    categories: tuple[Line, ...] = Field(
        default=(),
        max_length=MOST_NAMES,
        description="Categories by name or path (`Tea/Green`, `/Tea` for one at the top), with their subcategories.",
        examples=[["Tea/Green"]],
    )
    at_least: Whole | None = Field(
        default=None,
        ge=1,
        le=_MOST,
        description="This many pieces in total; by default, one is enough.",
        examples=[3],
    )
    within: Within = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.products and not self.categories:
            raise ValueError("give products: (SKUs), categories:, or both")
        return self


_LEAST_TOP = Decimal("0.01")


class Score(Block):
    """A score from 1 (the lowest fifth of the store's buyers) to 5 (the highest) within bounds, or the top share of them."""

    at_least: Whole | None = Field(default=None, ge=1, le=5, description="This score or more.", examples=[4])
    at_most: Whole | None = Field(default=None, ge=1, le=5, description="This score or less.", examples=[2])
    top: Share | None = Field(
        default=None,
        description="Instead of a score: the share of buyers that is ahead, in whole percent, never more than that.",
        examples=["5%"],
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.top is not None:
            if self.at_least is not None or self.at_most is not None:
                raise KeyFault("top", "top: stands alone; leave at_least: and at_most: out")
            if self.top < _LEAST_TOP or self.top % _LEAST_TOP:
                raise KeyFault("top", "top: is a whole percentage from 1% to 99%, like 5%")
            return self
        _check_bounds(self.at_least, self.at_most)
        return self


class Scores(Block):
    """RFM scores from 1 to 5 among the store's buyers; all given scores must match. Customers without orders have none."""

    recency: Score | None = Field(
        default=None, description="How recently they last ordered.", examples=[{"at_least": 4}]
    )
    frequency: Score | None = Field(
        default=None, description="How often they ordered.", examples=[{"at_least": 4}]
    )
    monetary: Score | None = Field(
        default=None, description="How much they spent in total.", examples=[{"at_least": 5}]
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.recency is None and self.frequency is None and self.monetary is None:
            raise ValueError("give recency:, frequency: or monetary:, like {recency: {at_least: 4}}")
        return self


class Countries(Block):
    """Countries by their two-letter codes."""

    in_: tuple[Country, ...] = _names("Any of these (ISO 3166-1).", ["SI", "AT"])


class Languages(Block):
    """Languages by their codes."""

    in_: tuple[Language, ...] = _names("Any of these, as the store writes them.", ["sl", "de"])


class Groups(Block):
    """Customer groups by their names in the store."""

    in_: tuple[Line, ...] = _names("Any of these.", ["Staff"])


class Tiers(Block):
    """Loyalty tiers by name; one tier can be written alone: `tier: gold`."""

    in_: tuple[Name, ...] = _names("In any of these (rules/tiers.yaml).", ["silver", "gold"])

    @model_validator(mode="before")
    @classmethod
    def _accept_a_name(cls, raw: Any) -> Any:
        return {"in": [raw]} if isinstance(raw, str) else raw


class Places(Block):
    """Places of the billing address by name; case (A to Z) and surrounding blanks are ignored."""

    in_: tuple[Line, ...] = _names("Any of these.", ["Ljubljana"])


class Lists(Block):
    """Uploaded lists: `rules/lists/NAME.csv`, with one column, `email` or `customer_id`."""

    in_: tuple[Name, ...] = _names("On any of these.", ["press"])


class CustomerField(Block):
    """The content of one of the store's own customer fields (tags, a club level, a size)."""

    title: Line = Field(description="The field's title in the store.", examples=["Club"])
    in_: tuple[Line, ...] | None = Field(
        default=None,
        alias="in",
        min_length=1,
        max_length=MOST_NAMES,
        description="Its text is exactly one of these.",
        examples=[["Gold"]],
    )
    includes: tuple[Line, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_NAMES,
        description="One of these is among its comma-separated words.",
        examples=[["vip"]],
    )
    filled: Literal[True] | None = Field(default=None, description="It is not empty.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [key for key in (self.in_, self.includes, self.filled) if key is not None]
        if len(given) != 1:
            raise ValueError("give one of in:, includes: and filled: true")
        for index, word in enumerate(self.includes or ()):
            if "," in word:
                raise KeyFault("includes", f"word {index + 1} contains a comma, which separates words")
        return self


class Favourite(Block):
    """Products marked as favourites; `{}` means any."""

    products: Skus = ()
    within: Within = None


class Reviewed(Block):
    """Reviews by the customer; `{}` means any."""

    rating_at_least: Whole | None = Field(
        default=None, ge=1, le=5, description="This many stars or more.", examples=[4]
    )
    rating_at_most: Whole | None = Field(
        default=None, ge=1, le=5, description="This many stars or fewer.", examples=[2]
    )
    within: Within = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if (self.rating_at_least or 1) > (self.rating_at_most or 5):
            raise KeyFault(
                "rating_at_least", "rating_at_least: is more than rating_at_most:, so nobody matches"
            )
        return self


class CodeHistory(Block):
    """Codes of campaigns; `{}` means any code from Tillroll."""

    campaigns: Campaigns = ()
    within: Within = None


class Emails(Block):
    """E-mails of campaigns, including reminders; `{}` means any e-mail from Tillroll."""

    campaigns: Campaigns = ()
    at_least: Whole | None = Field(
        default=None,
        ge=1,
        le=_MOST,
        description="This many in total; by default, one is enough.",
        examples=[3],
    )
    within: Within = None
