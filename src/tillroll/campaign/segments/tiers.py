"""`rules/tiers.yaml`: loyalty tiers that customers reach by points or by the money they spend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tillroll.campaign.figures.tiers import TierScale, TierStep
from tillroll.campaign.text.block import Block, Line, Name
from tillroll.campaign.text.units import KeyFault, Number, Period, Whole

_MOST = 1_000_000_000


class TierMeasure(StrEnum):
    """By what tiers are reached."""

    SPENT = "spent"
    POINTS = "points"


class Tier(Block):
    """One tier. A customer who reaches several is in the highest of them."""

    name: Name = Field(description="Its name, which segments and events use.", examples=["gold"])
    from_: Number = Field(
        alias="from",
        gt=0,
        le=_MOST,
        decimal_places=4,
        description="The money, in the store's currency, or the points from which on a customer is in it.",
        examples=[500],
    )
    group: Line | None = Field(
        default=None,
        description="The store's customer group of those who are in it, kept in step by the worker. It must exist in the store.",
        examples=["Gold members"],
    )


class TierRules(Block):
    """Loyalty tiers, which follow each customer's orders. Without the file there are none."""

    by: TierMeasure = Field(
        description="`spent`: what the customer's orders are worth; `points`: points for each whole unit of it."
    )
    points_per_unit: Whole | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="Points for each whole unit of the store's currency that an order is worth; by default 1.",
        examples=[2],
    )
    within: Period | None = Field(
        default=None,
        ge=timedelta(days=1),
        description="For how long an order counts after it was placed. By default for ever.",
        examples=["365d"],
    )
    tiers: tuple[Tier, ...] = Field(
        min_length=1,
        max_length=20,
        description="From the lowest to the highest.",
        examples=[[{"name": "silver", "from": 200}, {"name": "gold", "from": 500}]],
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        names: set[str] = set()
        for place, tier in enumerate(self.tiers):
            before = self.tiers[place - 1]
            if tier.name in names:
                raise KeyFault("tiers", f"the tier {tier.name} is listed twice")
            if place and tier.from_ <= before.from_:
                raise KeyFault(
                    "tiers", f"{tier.name} must begin higher than {before.name}, which is before it"
                )
            names.add(tier.name)
        return self

    @model_validator(mode="after")
    def _measured(self) -> Self:
        by_points = self.by is TierMeasure.POINTS
        if self.points_per_unit is not None and not by_points:
            raise KeyFault("points_per_unit", "points_per_unit: has no meaning with by: spent; leave it out")
        for tier in self.tiers:
            if by_points and tier.from_ != tier.from_.to_integral_value():
                raise KeyFault("tiers", f"{tier.name}: points are whole numbers; {tier.from_:f} is none")
        return self

    @property
    def scale(self) -> TierScale:
        """The tiers as a scale for figures."""
        return TierScale(
            steps=tuple(TierStep(name=tier.name, reached_at=tier.from_) for tier in self.tiers),
            points_per_unit=(self.points_per_unit or 1) if self.by is TierMeasure.POINTS else None,
            within=self.within,
        )

    @property
    def groups(self) -> Mapping[str, str]:
        """The store's customer group of each tier that has one."""
        return {tier.name: tier.group for tier in self.tiers if tier.group is not None}
