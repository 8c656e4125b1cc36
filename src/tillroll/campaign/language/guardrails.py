"""The guardrails: the policy every plan is held to (`rules/guardrails.yaml`)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tillroll.campaign.language.money import Amount
from tillroll.campaign.text.units import Number, Share, Whole
from tillroll.campaign.text.words import Words


class Word(StrEnum):
    """What a guardrail that may be lenient says."""

    WARN = "warn"
    REFUSE = "refuse"


class ApproversFrom(Words):
    """From this size on, so many different people must agree; one of the two sizes reached is enough."""

    worst_case: Amount | None = Field(default=None, gt=0, description="The run's worst case.")
    codes: Whole | None = Field(default=None, ge=1, description="The codes it makes.")
    by: Whole = Field(ge=1, le=10, description="How many different people must agree.")

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if self.worst_case is None and self.codes is None:
            raise ValueError("give worst_case:, codes:, or both: from which size on")
        return self

    def reached(self, *, worst: Decimal | None, codes: int) -> bool:
        """Whether a run is of this size; one without bound is of every size."""
        by_money = self.worst_case is not None and (worst is None or worst >= self.worst_case)
        return by_money or (self.codes is not None and codes >= self.codes)


class Guardrails(Words):
    """The policy every plan is held to. Amounts are in the store's currency."""

    largest_percent: Number = Field(default=Decimal(50), gt=0, le=100)
    largest_amount: Amount = Field(default=Decimal(100), gt=0)
    lowest_basket: Amount | None = Field(
        default=None, gt=0, description="The least minimum_subtotal that an offer must ask for."
    )
    codes_per_run: Whole = Field(default=100_000, ge=1)
    codes_per_day: Whole | None = Field(
        default=None,
        ge=1,
        description="All campaigns together, by the store's own date, counted when approved.",
    )
    worst_case_per_run: Amount | None = Field(default=None, gt=0)
    worst_case_per_month: Amount | None = Field(
        default=None,
        gt=0,
        description="All runs together that were approved in one calendar month of the store.",
    )
    worst_case_of_live_runs: Amount | None = Field(
        default=None, gt=0, description="All campaigns of the store together."
    )
    largest_basket: Amount = Field(
        default=Decimal(500), gt=0, description="What a percentage is taken of in the worst case."
    )
    largest_shipping: Amount = Field(
        default=Decimal(20), gt=0, description="What free shipping costs in the worst case."
    )
    least_bits: float = Field(
        default=40.0, ge=20, le=256, description="Chance in a code, so that it can't be guessed."
    )
    guess_chance: Share = Field(
        default=Decimal("0.01"),
        gt=0,
        description="The most that a million guesses may have as a chance to hit one of the live codes.",
    )
    least_margin: Number | None = Field(
        default=None,
        ge=0,
        lt=100,
        description="Percent of the discounted price that must be left above the cost, where the catalogue "
        "knows the cost; 0: never below cost. Without it nothing is compared.",
    )
    out_of_stock: Word = Field(
        default=Word.WARN, description="What to say of an offer on something that is out of stock."
    )
    messages_per_person_per_week: Whole | None = Field(
        default=None,
        ge=1,
        le=100,
        description="All campaigns together, in any 7 days. Who had as many is left out, and an e-mail that would "
        "be one too many waits.",
    )
    approvers: tuple[ApproversFrom, ...] = Field(
        default=(), description="How many must agree, by size; a campaign's own approval.by may ask for more."
    )
    warn_from: Number | None = Field(
        default=None, gt=0, lt=100, description="Percent of a limit from which the plan warns."
    )

    def quorum(self, *, asked: int, worst: Decimal | None, codes: int) -> int:
        """How many different people must agree to a run of this size; `asked` is what its campaign says."""
        return max([asked, *(one.by for one in self.approvers if one.reached(worst=worst, codes=codes))])
