"""The smaller blocks of a campaign file: status, audience, codes, approval, budget, the steps of a flow, and variants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.figures.holdout import is_held_everywhere
from tillroll.campaign.language.message import MessageChange, MessageSettings, Unless
from tillroll.campaign.language.offer import Offer, OfferChange
from tillroll.campaign.text.block import Block, Name
from tillroll.campaign.text.money import Amount
from tillroll.campaign.text.units import Day, Duration, KeyFault, Period, Share, Weight, Whole

SHARED_PATTERN = r"^[A-Z0-9][A-Z0-9-]{2,35}$"


class Status(StrEnum):
    """Whether the loop acts on a campaign."""

    DRAFT = "draft"  # checked but never run
    ACTIVE = "active"
    PAUSED = "paused"  # no new runs; begun runs continue
    ENDED = "ended"


class Who(Block):
    """The audience: one segment without the excluded ones. For a customer event, a further condition on that customer."""

    segment: Name | None = Field(default=None, description="A file in rules/segments/.")
    exclude: tuple[Name, ...] = Field(default=(), description="Segments whose members are left out.")
    limit: Whole | None = Field(default=None, ge=1, le=5_000_000, description="The most recipients.")
    holdout: Share = Field(
        default=Decimal(0),
        description="Control group: the share of the audience that gets nothing.",
        examples=["10%"],
    )


class StoreHoldout(Block):
    """A control group of all campaigns together: what they change as a whole. Without the file there is none."""

    share: Share = Field(description="The share of the customers who get nothing.", examples=["5%"])
    since: Day = Field(
        description="The first day on which they are held back, by UTC.", examples=["2026-12-01"]
    )
    renewed: Period = Field(
        default=timedelta(days=180),
        ge=timedelta(days=30),
        description="How long the same people are held back; then others are drawn.",
    )
    orders_within: Period = Field(
        default=timedelta(days=60),
        ge=timedelta(days=7),
        description="How long each person's orders count, from the first run on that would have reached them.",
    )
    exempt: tuple[Name, ...] = Field(
        default=(),
        max_length=100,
        description="Campaigns that write to everybody all the same, and are no part of the comparison.",
        examples=[["order-thanks"]],
    )

    def holds_back(self, *, campaign: str, customer_id: int, key: bytes, now: datetime) -> bool:
        """Return whether a customer gets nothing of a campaign now, as one of this group."""
        days = (now.astimezone(UTC).date() - self.since).days
        if days < 0 or campaign in self.exempt:
            return False
        period = days // self.renewed.days
        return is_held_everywhere(period=period, customer_id=customer_id, share=self.share, key=key)


class Pool(Block):
    """Codes made in advance and handed out when needed."""

    size: Whole = Field(ge=1, le=100_000, description="How many codes to keep in stock.")
    low_water: Whole = Field(
        ge=0, description="The pool is refilled when fewer codes are left; with 0 it is filled once."
    )

    @model_validator(mode="after")
    def _below_size(self) -> Self:
        if self.low_water >= self.size:
            raise KeyFault("low_water", "low_water: must be less than size:")
        return self


class SentBy(StrEnum):
    """Who sends codes to customers, if Tillroll doesn't."""

    CRM = "crm"  # what rules/crm.yaml names


class Codes(Block):
    """The codes: one per recipient (the default), a pool, or one shared code."""

    meant: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("pattern", "suffix", "postfix", "length", "alphabet", "mask"),
        "it belongs in a code format: rules/codes/NAME.yaml with pattern: 'SUMMER-##########-VIP', and format: NAME here",
    )

    format: Name = Field(default="short", description="A file in rules/codes/.")
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,12}$")] = Field(
        default="", examples=["BACK"]
    )
    shared: Annotated[str, StringConstraints(pattern=SHARED_PATTERN)] | None = Field(
        default=None, description="One code for everybody.", examples=["SUMMER26"]
    )
    pool: Pool | None = None
    ahead: Duration | None = Field(
        default=None,
        description="Make the codes this long before the run's time, paused; they are activated at its time.",
        examples=["2h"],
    )
    delete_after: Period | None = Field(
        default=None,
        description="Delete expired codes in the store this long after their expiry; the ledger keeps them.",
        examples=["90d"],
    )
    sent_by: SentBy | None = Field(
        default=None,
        description="`crm`: the receiver of `rules/crm.yaml`, like Klaviyo or Mailchimp, sends the codes in e-mails of its own. "
        "Then there is no `message:`.",
        examples=["crm"],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.shared is not None:
            if not any(char.isalpha() for char in self.shared):
                raise KeyFault(
                    "shared", "a code of digits only can be mistaken for a coupon id; add a letter"
                )
            for other in ("format", "prefix", "pool"):
                if other in self.model_fields_set:
                    raise KeyFault(other, f"{other}: has no meaning with shared:; leave it out")
        return self


class AutoWhen(Block):
    """Limits within which a plan is approved automatically; larger plans await approval."""

    codes: Whole = Field(ge=0, description="The most codes; 0 lets e-mails without a code go.")
    worst_case: Amount = Field(ge=0, description="The highest worst case.")
    emails: Whole | None = Field(
        default=None,
        ge=1,
        description="The most e-mails without a code; by default as many as `codes`, or any number where that is 0.",
    )


class Approval(Block):
    """How many people must approve, and how long a plan may wait for them."""

    by: Whole = Field(default=1, ge=1, le=10, description="How many different people must approve.")
    expires: Period = Field(default=timedelta(hours=48), description="How long a plan may await approval.")
    auto_when: AutoWhen | None = None


class Budget(Block):
    """What this campaign may cost, in the store's currency."""

    worst_case: Amount | None = Field(
        default=None, gt=0, description="The most that all its live runs may cost together in the worst case."
    )
    discount: Amount | None = Field(
        default=None,
        gt=0,
        description="The most that orders with its codes may take off, all together. At 80% people are told; once it is reached, "
        "its codes are paused in the store and no further run of it is approved.",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.worst_case is None and self.discount is None:
            raise ValueError("give worst_case:, discount:, or both")
        return self


class Step(Block):
    """One e-mail of a flow."""

    wait: Duration | None = Field(
        default=None, description="How long after the previous step (for the first step: after the event)."
    )
    unless: tuple[Unless, ...] = Field(
        default=(), description="The flow ends before this step for customers who did this."
    )
    unless_in: tuple[Name, ...] = Field(
        default=(), description="The flow ends before this step for customers in one of these segments."
    )
    offer: Offer | None = Field(default=None, description="Without it, the e-mail has no code.")
    codes: Codes | None = None
    same_code: bool = Field(default=False, description="Show the code of an earlier step.")
    message: MessageSettings

    @model_validator(mode="after")
    def _one_code(self) -> Self:
        if self.same_code and self.offer is not None:
            raise KeyFault("same_code", "same_code: shows the code of an earlier step; leave out offer:")
        if self.codes is not None and self.offer is None:
            raise KeyFault("codes", "codes: needs an offer:")
        return self


class Variant(Block):
    """One arm of an A/B test: its weight, and what it changes."""

    name: Name
    weight: Weight = Field(
        default=1,
        ge=1,
        le=1000,
        description="Its share of the recipients beside the other arms': 1 and 3, or 25% and 75%.",
    )
    offer: OfferChange | None = None
    message: MessageChange | None = None
