"""Which loyalty tier a figure reaches: points, or money spent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any


class TierCause(StrEnum):
    """Why a customer's tier changed."""

    ORDERS = "orders"  # theirs changed, or stopped counting; only these changes start campaigns
    RULES = "rules"  # rules/tiers.yaml changed
    MENDED = "mended"  # `tillroll rebuild tiers` put it right


class GroupMoveOutcome(StrEnum):
    """What became of bringing a customer into the group of their tier."""

    MOVED = "moved"
    IN_STEP = "in_step"  # they were in it already
    LEFT_ALONE = "left_alone"  # they are in a group that no tier has
    GONE = "gone"  # the store has deleted them
    REFUSED = "refused"  # by the store, several times


@dataclass(frozen=True, kw_only=True)
class TierStep:
    """One tier, and the figure from which on a customer is in it."""

    name: str
    reached_at: Decimal  # points, or money in the store's currency


@dataclass(frozen=True, kw_only=True)
class TierScale:
    """The tiers of a store, from the lowest to the highest, and what counts for them."""

    steps: tuple[TierStep, ...]
    points_per_unit: (
        int | None
    )  # for each whole unit of the currency that an order is worth; None: money counts itself
    within: timedelta | None  # orders count for so long; None: for ever

    def tier_of(self, figure: Decimal) -> str:
        """Return the highest tier that a figure reaches; empty for none."""
        return next((step.name for step in reversed(self.steps) if figure >= step.reached_at), "")

    def next_after(self, figure: Decimal) -> TierStep | None:
        """Return the lowest tier that a figure does not reach; None at the top."""
        return next((step for step in self.steps if figure < step.reached_at), None)

    def rank(self, tier: str) -> int:
        """Return the place of a tier from 1 for the lowest; 0 for no tier, and for one that is none of these."""
        return next((place for place, step in enumerate(self.steps, 1) if step.name == tier), 0)

    def to_plain(self) -> dict[str, Any]:
        """Return the scale as plain data, which fits into JSON. Equal scales have equal data."""
        return {
            "steps": [[step.name, f"{step.reached_at.normalize():f}"] for step in self.steps],
            "points_per_unit": self.points_per_unit,
            "within_seconds": None if self.within is None else int(self.within.total_seconds()),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TierScale:
        """Return the scale that `to_plain` made plain."""
        seconds = plain["within_seconds"]
        return cls(
            steps=tuple(TierStep(name=name, reached_at=Decimal(figure)) for name, figure in plain["steps"]),
            points_per_unit=plain["points_per_unit"],
            within=None if seconds is None else timedelta(seconds=seconds),
        )
