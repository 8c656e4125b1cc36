"""Overlaps of a plan with other campaigns: recipients whom both reach, or who hold a code that still works. Frozen and pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class OverlapStage(StrEnum):
    """How far the other campaign has come."""

    SENT = "sent"  # its e-mails are sent or being sent
    APPROVED = "approved"  # it will run as soon as its codes are made
    WAITING = "waiting"  # its plan awaits approval
    DUE = "due"  # it is scheduled
    HOLDS = "holds"  # recipients hold a valid, unused code of it


_VERBS = {
    OverlapStage.SENT: "had",
    OverlapStage.APPROVED: "will get",
    OverlapStage.WAITING: "would get",
    OverlapStage.DUE: "may get",
    OverlapStage.HOLDS: "hold a code of",
}


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Another campaign that reaches some of the same people."""

    campaign: str
    standing: OverlapStage
    people: int  # of this plan's recipients
    at: str  # ISO 8601, UTC: when its latest run began or will begin
    run_id: int = 0  # that run; 0: not created yet
    offer: str = ""  # a phrase; empty: an e-mail without a code
    same_goods: bool = False  # both offers apply to at least one common product or category

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Overlap:
        """Read one entry of `crossings` in a stored plan."""
        return cls(**{**body, "standing": OverlapStage(body["standing"])})

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "standing": self.standing.value}

    def sentence(self) -> str:
        """Return how many people it reaches, and how: `412 would get welcome`."""
        verb = (
            "holds a code of"
            if self.people == 1 and self.standing is OverlapStage.HOLDS
            else _VERBS[self.standing]
        )
        return f"{self.people} {verb} {self.campaign}"

    def about_offers(self) -> str:
        """Return how the two offers relate; empty if the other has no code."""
        if not self.offer:
            return ""
        goods = "on the same goods" if self.same_goods else "on other goods"
        return f"{goods}; the store accepts one coupon per order, so the discounts never add up"


def largest_first(overlaps: Iterable[Overlap]) -> tuple[Overlap, ...]:
    """Sort overlaps by the number of people, most first."""
    return tuple(sorted(overlaps, key=lambda overlap: (-overlap.people, overlap.campaign, overlap.standing)))
