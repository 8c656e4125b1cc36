"""Where a plan meets other campaigns: the same people in the same week, or with codes that still work. Frozen values, pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Standing(StrEnum):
    """How far the other campaign is."""

    SENT = "sent"  # its e-mails have gone, or are going
    APPROVED = "approved"  # it goes as soon as its codes are made
    WAITING = "waiting"  # it is planned and waits for a person
    DUE = "due"  # its schedule brings it
    HOLDS = "holds"  # people have a code of it that works and isn't used


_WORDS = {
    Standing.SENT: "had",
    Standing.APPROVED: "will get",
    Standing.WAITING: "would get",
    Standing.DUE: "may get",
    Standing.HOLDS: "hold a code of",
}


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """One other campaign that reaches some of the same people."""

    campaign: str
    standing: Standing
    people: int  # of this plan's recipients
    at: str  # ISO 8601, UTC: when its latest run began or is to begin
    run_id: int = 0  # that run; 0: it isn't one yet
    offer: str = ""  # a sentence; empty: an e-mail without a code
    same_goods: bool = False  # both offers are on something that is the same

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Crossing:
        """One crossing of a plan row."""
        return cls(**{**body, "standing": Standing(body["standing"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "standing": self.standing.value}

    def said(self) -> str:
        """What it does to these people: `412 would get welcome`."""
        return f"{self.people} {_WORDS[self.standing]} {self.campaign}"

    def about_offers(self) -> str:
        """Whether the two offers come together; empty where there is nothing to say."""
        if not self.offer:
            return ""
        goods = "on the same goods" if self.same_goods else "on other goods"
        return f"{goods}; the store takes one coupon an order, so they never add up in one basket"


def in_order(every: Iterable[Crossing]) -> tuple[Crossing, ...]:
    """What meets most people first."""
    return tuple(sorted(every, key=lambda one: (-one.people, one.campaign, one.standing)))


def most_met(every: Iterable[Crossing]) -> int:
    """The most people that one other campaign reaches in the same week."""
    return max((one.people for one in every if one.standing is not Standing.HOLDS), default=0)
