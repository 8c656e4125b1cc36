"""The smaller blocks of a campaign file: its status, for whom, which codes, who must agree, the steps of a flow, the arms."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.language.message import Message, MessageChange, Unless
from tillroll.campaign.language.money import Amount
from tillroll.campaign.language.offer import Offer, OfferChange
from tillroll.campaign.text.units import Duration, KeyFault, Share, Whole
from tillroll.campaign.text.words import Name, Words

SHARED_PATTERN = r"^[A-Z0-9][A-Z0-9-]{2,35}$"


class Status(StrEnum):
    """Whether the loop acts on a campaign."""

    DRAFT = "draft"  # checked, never run
    ACTIVE = "active"
    PAUSED = "paused"  # no new runs; those begun go on
    ENDED = "ended"


class Who(Words):
    """The audience: one segment, less the excluded ones. For an event of a customer: what they must fit besides."""

    segment: Name | None = Field(default=None, description="A file of rules/segments/.")
    exclude: tuple[Name, ...] = Field(default=(), description="Segments that are left out.")
    limit: Whole | None = Field(default=None, ge=1, le=5_000_000, description="At most so many.")
    holdout: Share = Field(default=Decimal(0), description="Kept back, to compare with.", examples=["10%"])


class Pool(Words):
    """Codes made ahead and handed out as they are needed."""

    size: Whole = Field(ge=1, le=100_000, description="How many there should be to hand out.")
    low_water: Whole = Field(ge=0, description="Fewer left than this: the pool is filled up again.")

    @model_validator(mode="after")
    def _below_size(self) -> Self:
        if self.low_water >= self.size:
            raise KeyFault("low_water", "low_water: must be less than size:")
        return self


class Codes(Words):
    """What the codes look like: a code for each recipient (the rule), a pool of them, or one shared by all."""

    format: Name = Field(default="short", description="A file of rules/codes/.")
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,12}$")] = Field(
        default="", examples=["BACK"]
    )
    shared: Annotated[str, StringConstraints(pattern=SHARED_PATTERN)] | None = Field(
        default=None, description="One code for everybody.", examples=["SUMMER26"]
    )
    pool: Pool | None = None
    ahead: Duration | None = Field(
        default=None,
        description="Make them so long before a run's time, switched off; at its time they are switched on.",
        examples=["2h"],
    )
    delete_after: Duration | None = Field(
        default=None,
        description="Delete them in the store so long after they expired; the ledger keeps them.",
        examples=["90d"],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.shared is not None:
            if not any(sign.isalpha() for sign in self.shared):
                raise KeyFault("shared", "digits alone can be mistaken for a coupon's number; add a letter")
            for other in ("format", "prefix", "pool"):
                if other in self.model_fields_set:
                    raise KeyFault(other, f"{other}: has no meaning beside shared:; leave it out")
        return self


class AutoWhen(Words):
    """A plan within these bounds is approved by the campaign's own policy; anything larger waits for people."""

    codes: Whole = Field(ge=0)
    worst_case: Amount = Field(ge=0)


class Approval(Words):
    """Who must agree, and for how long a plan may wait."""

    by: Whole = Field(default=1, ge=1, le=10, description="How many different people.")
    expires: Duration = Field(default=timedelta(hours=48), description="How long a plan may wait.")
    auto_when: AutoWhen | None = None


class Budget(Words):
    """What all live runs of this campaign together may cost in the worst case, in the store's currency."""

    worst_case: Amount = Field(gt=0)


class Step(Words):
    """One e-mail of a flow."""

    wait: Duration | None = Field(
        default=None, description="So long after the step before (for the first: after the event)."
    )
    unless: tuple[Unless, ...] = Field(default=(), description="The flow ends here for those who did this.")
    unless_in: tuple[Name, ...] = Field(default=(), description="... or who are in one of these segments.")
    offer: Offer | None = Field(default=None, description="Without it, an e-mail without a code.")
    codes: Codes | None = None
    same_code: bool = Field(default=False, description="Show the code that an earlier step gave.")
    message: Message

    @model_validator(mode="after")
    def _one_code(self) -> Self:
        if self.same_code and self.offer is not None:
            raise KeyFault("same_code", "same_code: shows an earlier step's code; leave out offer:")
        if self.codes is not None and self.offer is None:
            raise KeyFault("codes", "codes: goes with offer:")
        return self


class Variant(Words):
    """One arm of an A/B comparison: a share by weight, and what it says differently."""

    name: Name
    weight: Whole = Field(default=1, ge=1, le=1000)
    offer: OfferChange | None = None
    message: MessageChange | None = None
