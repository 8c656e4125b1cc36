"""The blocks that a segment's conditions are made of: bounds, times, lists of names, and what somebody did."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.language.models import Line, Name, Words
from tillroll.campaign.text.units import Ago, Duration, KeyFault, Number, Whole

MOST_NAMES = 1_000
"""In one list of a condition; more belong into a list of their own (rules/lists/)."""

_MOST = 1_000_000_000  # of anything that is counted
_MOST_MONEY = 10_000_000_000  # so that times the number of orders it is still a number of the ledger

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]  # ISO 3166-1 alpha-2
Language = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")
]  # BCP 47, as the store writes it
Within = Annotated[
    Duration | None, Field(description="Only what happened in the time until now.", examples=["90d"])
]
Skus = Annotated[
    tuple[Line, ...],
    Field(
        max_length=MOST_NAMES,
        description="SKUs of products or variations; a product's own SKU means every variation of it.",
        examples=[["TEA-01"]],
    ),
]
Campaigns = Annotated[
    tuple[Name, ...],
    Field(
        max_length=MOST_NAMES,
        description="Names of campaigns; without it, any of them.",
        examples=[["winback"]],
    ),
]


def _names(description: str, example: list[str]) -> Any:
    """What `in:` of a list of names says of itself."""
    return Field(alias="in", min_length=1, max_length=MOST_NAMES, description=description, examples=[example])


def _check_bounds(least: int | Decimal | None, most: int | Decimal | None) -> None:
    if least is None and most is None:
        raise ValueError("give at_least:, at_most:, or both")
    if least is not None and most is not None and least > most:
        raise KeyFault("at_least", "at_least: is more than at_most:, so nobody fits")


class Count(Words):
    """A number of orders within bounds; at least one bound. Orders that were undone don't count."""

    at_least: Whole | None = Field(default=None, ge=0, le=_MOST, description="So many or more.", examples=[2])
    at_most: Whole | None = Field(default=None, ge=0, le=_MOST, description="So many or fewer.", examples=[0])
    within: Within = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Sum(Words):
    """An amount of money in the store's currency within bounds; at least one bound."""

    at_least: Number | None = Field(
        default=None, ge=0, le=_MOST_MONEY, description="So much or more.", examples=[500]
    )
    at_most: Number | None = Field(
        default=None, ge=0, le=_MOST_MONEY, description="So much or less.", examples=[50]
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Spent(Sum):
    """What somebody spent, with shipping and taxes, in the store's currency; at least one bound."""

    within: Within = None


class Moment(Words):
    """How long ago something happened. Somebody to whom it never happened matches only `never: true`."""

    more_than: Ago | None = Field(default=None, description="Longer ago than this.", examples=["90d ago"])
    less_than: Ago | None = Field(default=None, description="Not so long ago.", examples=["30d ago"])
    never: Literal[True] | None = Field(default=None, description="It never happened.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        bounded = self.more_than is not None or self.less_than is not None
        if bounded == (self.never is not None):
            raise ValueError("give more_than: and/or less_than: (like 90d ago), or never: true")
        if self.more_than and self.less_than and self.more_than >= self.less_than:
            raise KeyFault("less_than", "less_than: must be longer ago than more_than:, or nobody fits")
        return self


class Bought(Words):
    """What somebody bought: any of these products, or anything of these categories. Undone orders don't count."""

    products: Skus = ()
    categories: tuple[Line, ...] = Field(
        default=(),
        max_length=MOST_NAMES,
        description="Categories by name or path (`Tea/Green`, `/Tea` for one at the top), with all that is below them.",
        examples=[["Tea/Green"]],
    )
    at_least: Whole | None = Field(
        default=None,
        ge=1,
        le=_MOST,
        description="So many pieces in all; otherwise one will do.",
        examples=[3],
    )
    within: Within = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.products and not self.categories:
            raise ValueError("give products: (SKUs), categories:, or both")
        return self


class Score(Words):
    """A score from 1 (the lowest fifth of the store's buyers) to 5 (the highest) within bounds; at least one bound."""

    at_least: Whole | None = Field(default=None, ge=1, le=5, description="This score or more.", examples=[4])
    at_most: Whole | None = Field(default=None, ge=1, le=5, description="This score or less.", examples=[2])

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Scores(Words):
    """RFM: scores from 1 to 5 among the store's own buyers; all that are said must fit. Who never bought has none."""

    recency: Score | None = Field(
        default=None, description="How lately they last ordered.", examples=[{"at_least": 4}]
    )
    frequency: Score | None = Field(
        default=None, description="How often they ordered.", examples=[{"at_least": 4}]
    )
    monetary: Score | None = Field(
        default=None, description="How much they spent in all.", examples=[{"at_least": 5}]
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.recency is None and self.frequency is None and self.monetary is None:
            raise ValueError("give recency:, frequency: or monetary:, like {recency: {at_least: 4}}")
        return self


class Countries(Words):
    """Countries by their two-letter codes."""

    in_: tuple[Country, ...] = _names("Any of these, as ISO 3166-1 says.", ["SI", "AT"])


class Languages(Words):
    """Languages by their codes."""

    in_: tuple[Language, ...] = _names("Any of these, as the store writes them.", ["sl", "de"])


class Groups(Words):
    """Customer groups by the names the store gives them."""

    in_: tuple[Line, ...] = _names("Any of these.", ["Staff"])


class Places(Words):
    """Places of the billing address by their names; capital letters from A to Z and blanks around make no difference."""

    in_: tuple[Line, ...] = _names("Any of these.", ["Ljubljana"])


class Lists(Words):
    """Uploaded lists: `rules/lists/NAME.csv`, with one column, `email` or `customer_id`."""

    in_: tuple[Name, ...] = _names("On any of these.", ["press"])


class CustomerField(Words):
    """What stands in one of the customer fields that the store's owner made (tags, a club level, a size)."""

    title: Line = Field(description="The field's title in the store.", examples=["Club"])
    in_: tuple[Line, ...] | None = Field(
        default=None,
        alias="in",
        min_length=1,
        max_length=MOST_NAMES,
        description="Its text is one of these, letter for letter.",
        examples=[["Gold"]],
    )
    includes: tuple[Line, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_NAMES,
        description="One of these is among its words, which are parted by commas.",
        examples=[["vip"]],
    )
    filled: Literal[True] | None = Field(default=None, description="There is something in it.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        said = [one for one in (self.in_, self.includes, self.filled) if one is not None]
        if len(said) != 1:
            raise ValueError("give one of in:, includes: and filled: true")
        for index, word in enumerate(self.includes or ()):
            if "," in word:
                raise KeyFault(
                    "includes", f"word {index + 1} has a comma in it, which parts one word from the next"
                )
        return self


class Favourite(Words):
    """Products that somebody marked as favourites; `{}` means any."""

    products: Skus = ()
    within: Within = None


class Reviewed(Words):
    """Reviews that somebody left; `{}` means any."""

    rating_at_least: Whole | None = Field(
        default=None, ge=1, le=5, description="So many stars or more.", examples=[4]
    )
    rating_at_most: Whole | None = Field(
        default=None, ge=1, le=5, description="So many stars or fewer.", examples=[2]
    )
    within: Within = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if (self.rating_at_least or 1) > (self.rating_at_most or 5):
            raise KeyFault("rating_at_least", "rating_at_least: is more than rating_at_most:, so nobody fits")
        return self


class Codes(Words):
    """Codes of campaigns; `{}` means any code that Tillroll ever gave."""

    campaigns: Campaigns = ()
    within: Within = None


class Emails(Words):
    """E-mails of campaigns, reminders among them; `{}` means any that Tillroll ever sent."""

    campaigns: Campaigns = ()
    at_least: Whole | None = Field(
        default=None, ge=1, le=_MOST, description="So many in all; otherwise one will do.", examples=[3]
    )
    within: Within = None
