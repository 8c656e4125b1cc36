"""Segments: named rules that select customers, as structured conditions that compile to one query and read as a sentence."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.models import Line, Words
from tillroll.campaign.units import Ago, KeyFault, Number, Whole

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]  # ISO 3166-1 alpha-2
Language = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")
]  # BCP 47, as the store writes it


def _check_bounds(least: int | Decimal | None, most: int | Decimal | None) -> None:
    if least is None and most is None:
        raise ValueError("give at_least:, at_most:, or both")
    if least is not None and most is not None and least > most:
        raise KeyFault("at_least", "at_least: is more than at_most:, so nobody fits")


class Count(Words):
    """A whole number within bounds; at least one bound."""

    at_least: Whole | None = Field(default=None, ge=0)
    at_most: Whole | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Sum(Words):
    """An amount of money in the store's currency within bounds; at least one bound."""

    at_least: Number | None = Field(default=None, ge=0)
    at_most: Number | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self.at_least, self.at_most)
        return self


class Moment(Words):
    """How long ago something happened. Somebody to whom it never happened matches only `never: true`."""

    more_than: Ago | None = None
    less_than: Ago | None = None
    never: Literal[True] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        bounded = self.more_than is not None or self.less_than is not None
        if bounded == (self.never is not None):
            raise ValueError("give more_than: and/or less_than: (like 90d ago), or never: true")
        if self.more_than and self.less_than and self.more_than >= self.less_than:
            raise KeyFault("less_than", "less_than: must be longer ago than more_than:, or nobody fits")
        return self


class Countries(Words):
    """Countries by their two-letter codes."""

    in_: tuple[Country, ...] = Field(alias="in", min_length=1)


class Languages(Words):
    """Languages by their codes."""

    in_: tuple[Language, ...] = Field(alias="in", min_length=1)


class Groups(Words):
    """Customer groups by the names the store gives them."""

    in_: tuple[Line, ...] = Field(alias="in", min_length=1)


class Condition(Words):
    """One condition: exactly one key."""

    all: tuple[Condition, ...] | None = Field(default=None, min_length=1)
    any: tuple[Condition, ...] | None = Field(default=None, min_length=1)
    not_: Condition | None = Field(default=None, alias="not")
    orders: Count | None = None
    spent: Sum | None = None
    average_order: Sum | None = None
    first_order: Moment | None = None
    last_order: Moment | None = None
    registered: Moment | None = None
    accepts_marketing: bool | None = None
    country: Countries | None = None
    language: Languages | None = None
    group: Groups | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = sorted(self.model_fields_set)
        if len(given) != 1 or getattr(self, given[0]) is None:
            said = " and ".join(name.rstrip("_") for name in given) or "none"
            raise ValueError(
                f"a condition has exactly one key; here: {said} (join several with all: or any:)"
            )
        return self


class Segment(Words):
    """One file of rules/segments/."""

    title: Line
    where: Condition
