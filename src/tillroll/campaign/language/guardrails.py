"""The guardrails: limits for every plan (`rules/guardrails.yaml`)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tillroll.campaign.language.sender import DomainRates, RampUp
from tillroll.campaign.text.addresses import SamePerson
from tillroll.campaign.text.block import Block
from tillroll.campaign.text.money import Amount
from tillroll.campaign.text.units import Number, Share, Whole


class Strictness(StrEnum):
    """Whether a guardrail that is not met warns or refuses."""

    WARN = "warn"
    REFUSE = "refuse"


class ApproversFrom(Block):
    """The number of approvers from a size on; reaching either size is enough."""

    worst_case: Amount | None = Field(default=None, gt=0, description="Worst case of the run.")
    codes: Whole | None = Field(default=None, ge=1, description="Codes of the run.")
    by: Whole = Field(ge=1, le=10, description="How many different people must approve.")

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if self.worst_case is None and self.codes is None:
            raise ValueError("give worst_case:, codes:, or both, as the size from which this applies")
        return self

    def is_reached(self, *, worst: Decimal | None, codes: int) -> bool:
        """Return whether a run is of this size; `worst` None is an unlimited worst case, which reaches every size."""
        by_money = self.worst_case is not None and (worst is None or worst >= self.worst_case)
        return by_money or (self.codes is not None and codes >= self.codes)


class EmailRules(Block):
    """What a plan's e-mails may say. Every e-mail is filled in for recipients without a name, with the longest one and so on."""

    gaps: Strictness = Field(
        default=Strictness.REFUSE,
        description="`None`, `nan`, an empty subject or part, a piece of the template.",
    )
    greeting: Strictness = Field(
        default=Strictness.WARN, description="A name that some recipients don't have, shown as nothing."
    )
    figures: Strictness = Field(
        default=Strictness.REFUSE,
        description="A percentage or an amount that is promised and isn't the offer's; others are warnings.",
    )
    dates: Strictness = Field(
        default=Strictness.REFUSE,
        description="Another day than the code's last one, where that one isn't said; otherwise a warning.",
    )
    links: Strictness = Field(
        default=Strictness.REFUSE,
        description="A link that leads nowhere, or to goods that the store doesn't have.",
    )
    style: Strictness = Field(
        default=Strictness.WARN,
        description="A long subject, more than 102 kB, no file for the text part, a part without the code.",
    )


class Guardrails(Block):
    """Limits for every plan. Amounts are in the store's currency."""

    largest_percent: Number = Field(default=Decimal(50), gt=0, le=100)
    largest_amount: Amount = Field(default=Decimal(100), gt=0)
    lowest_basket: Amount | None = Field(
        default=None, gt=0, description="The smallest minimum_subtotal that an offer may have."
    )
    codes_per_run: Whole = Field(default=100_000, ge=1)
    codes_per_day: Whole | None = Field(
        default=None,
        ge=1,
        description="For all campaigns together, per day in the store's time zone, counted on approval.",
    )
    worst_case_per_run: Amount | None = Field(default=None, gt=0)
    worst_case_per_month: Amount | None = Field(
        default=None,
        gt=0,
        description="For all runs approved in one calendar month, in the store's time zone.",
    )
    worst_case_of_live_runs: Amount | None = Field(
        default=None, gt=0, description="For all campaigns of the store together."
    )
    largest_basket: Amount = Field(
        default=Decimal(500), gt=0, description="The basket that a percentage is taken of in the worst case."
    )
    largest_shipping: Amount = Field(
        default=Decimal(20), gt=0, description="The cost of free shipping in the worst case."
    )
    least_bits: float = Field(
        default=40.0,
        ge=20,
        le=256,
        description="Bits of entropy that a code must have, so that it can't be guessed.",
    )
    guess_chance: Share = Field(
        default=Decimal("0.01"),
        gt=0,
        description="The highest allowed chance that a million guesses hit a live code.",
    )
    least_margin: Number | None = Field(
        default=None,
        ge=0,
        lt=100,
        description="Margin that must be left, in percent of the discounted price, for products with a known "
        "cost; 0: never below cost. Without it, margins are not checked.",
    )
    out_of_stock: Strictness = Field(
        default=Strictness.WARN,
        description="Whether an offer on an out-of-stock product is a warning or a refusal.",
    )
    holds_code_already: Strictness = Field(
        default=Strictness.WARN,
        description="Whether a plan for people who hold an unused code of the same campaign is a warning or a refusal.",
    )
    repeats: Strictness = Field(
        default=Strictness.WARN,
        description="Whether a plan is a warning or a refusal if it gives codes of a campaign to people who got one before, or "
        "who would get another one at its next slot.",
    )
    unknown_names: Strictness = Field(
        default=Strictness.WARN,
        description="Whether a segment that names a field, group, country, language or place that no customer has is a warning "
        "or a refusal.",
    )
    same_person: SamePerson = Field(
        default=SamePerson.ADDRESS,
        description="When two customers are one person, who gets one code and one e-mail: `address`, if their addresses "
        "differ in case at most; `mailbox`, also if they differ in what follows a plus, or at Gmail in dots.",
    )
    emails: EmailRules = Field(
        default=EmailRules(), description="Whether faults in e-mails are warnings or refusals."
    )
    clean_names: bool = Field(
        default=True,
        strict=True,
        description="Whether a customer's name that holds a link, markup or no letter counts as none, and one in capitals gets "
        "small letters.",
    )
    messages_per_person_per_week: Whole | None = Field(
        default=None,
        ge=1,
        le=100,
        description="For all campaigns together, in any 7 days. Customers who had that many are left out of new "
        "plans, and e-mails above the limit wait.",
    )
    ramp_up: RampUp | None = Field(
        default=None, description="How many e-mails a new sender may send a day, and how that grows."
    )
    per_domain: DomainRates = Field(
        default_factory=dict,
        description="The highest rate to each mail domain, over all campaigns; `default` stands for each other domain. E-mails "
        "that a domain has no place for wait, and the others go on.",
        examples=[{"gmail.com": "60/m", "default": "300/m"}],
    )
    approvers: tuple[ApproversFrom, ...] = Field(
        default=(), description="Approvers by size of the run; a campaign's approval.by may require more."
    )
    pause_leaks_from: Share | None = Field(
        default=None,
        gt=0,
        description="The share of a campaign's orders with somebody else's code from which its codes are paused in the store, "
        "once there are ten such orders. Without it, leaks are only shown (`tillroll leaks`).",
    )
    warn_from: Number | None = Field(
        default=None, gt=0, lt=100, description="Percent of a limit from which the plan warns."
    )

    def quorum(self, *, own: int, worst: Decimal | None, codes: int) -> int:
        """Return how many people must approve a run of this size; `own` is the campaign's own number."""
        return max([own, *(tier.by for tier in self.approvers if tier.is_reached(worst=worst, codes=codes))])
