"""What a campaign file says, as frozen values. Units are as people write them (`units.py`); unknown keys are refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from tillroll.campaign.units import Duration, KeyFault, Number, Share, WallTime, Whole, Window, shown

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A file's name without its ending: lower-case letters, digits and hyphens."""

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # no place in a subject, and PostgreSQL can't store NUL at all
LINE_PATTERN = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN)]
"""One line of text that isn't blank."""


class Words(BaseModel):
    """Base of everything a YAML file can say: frozen, and no key it doesn't know."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Status(StrEnum):
    """Whether the loop acts on a campaign."""

    DRAFT = "draft"  # checked, never run
    ACTIVE = "active"
    PAUSED = "paused"  # no new runs; those begun go on
    ENDED = "ended"


class IfLate(StrEnum):
    """What becomes of a slot that was missed while nothing was running."""

    SKIP = "skip"  # let it pass
    RUN_ONCE = "run_once"  # run the latest missed slot, let earlier ones pass
    CATCH_UP = "catch_up"  # run every missed slot


@cache
def _zones() -> frozenset[str]:
    """Every zone this machine knows; cached, since finding out means walking a folder tree."""
    return frozenset(available_timezones())


class When(Words):
    """The trigger: exactly one of cron, every, at, manual."""

    cron: Line | None = (
        None  # five fields; weekdays by name (MON), since numbers mean different days in different crons
    )
    every: Duration | None = None  # from the moment the campaign was first seen
    at: WallTime | None = None  # once
    manual: Literal[True] | None = None  # only by hand: `tillroll run NAME`
    timezone: str = "store"  # an IANA name, or the store's own zone
    if_late: IfLate = IfLate.RUN_ONCE
    within: Duration = timedelta(hours=6)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value != "store" and value not in _zones():
            raise ValueError(
                f"{shown(value)} is not a time zone; write store, or a name like Europe/Ljubljana"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("cron", "every", "at", "manual") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of cron, every, at or manual; here: {said}")
        return self

    def zone(self, store_zone: str) -> ZoneInfo:
        """The zone whose wall clock the schedule follows."""
        return ZoneInfo(store_zone if self.timezone == "store" else self.timezone)


class Who(Words):
    """The audience: one segment, less the excluded ones."""

    segment: Name
    exclude: tuple[Name, ...] = ()
    limit: Whole | None = Field(default=None, ge=1, le=5_000_000)
    holdout: Share = Decimal(0)  # kept back, to compare with


class OfferKind(StrEnum):
    """The five kinds of discount a coupon can carry."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FREE_SHIPPING = "free_shipping"
    PERCENT_AND_SHIPPING = "percent_and_shipping"
    AMOUNT_AND_SHIPPING = "amount_and_shipping"


PERCENT_KINDS = frozenset({OfferKind.PERCENT, OfferKind.PERCENT_AND_SHIPPING})
AMOUNT_KINDS = frozenset({OfferKind.AMOUNT, OfferKind.AMOUNT_AND_SHIPPING})
SHIPPING_KINDS = frozenset(
    {OfferKind.FREE_SHIPPING, OfferKind.PERCENT_AND_SHIPPING, OfferKind.AMOUNT_AND_SHIPPING}
)


class Uses(StrEnum):
    """How often one code works."""

    SINGLE = "single"
    ONCE_PER_CUSTOMER = "once_per_customer"
    UNLIMITED = "unlimited"


class Customers(StrEnum):
    """Who the store lets use the code."""

    ANY = "any"
    NEW = "new"  # buyers without orders
    REPEAT = "repeat"


class Valid(Words):
    """When the code works: for a length of time from the moment minting begins, or between two fixed moments."""

    for_: Duration | None = Field(default=None, alias="for")
    from_: WallTime | None = Field(default=None, alias="from")
    until: WallTime | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("give either for: (like 14d) or until: (like 2026-12-31 23:59), not both")
        if self.for_ is not None and self.from_ is not None:
            raise KeyFault("from", "from: goes with until:, not with for:")
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise KeyFault("until", "until: must be later than from:")
        return self


class AppliesTo(Words):
    """What the discount is on: products by SKU, categories by name or path (`Tea/Green`). Without it, on everything."""

    products: tuple[Line, ...] = Field(default=(), min_length=1, max_length=100)
    categories: tuple[Line, ...] = Field(default=(), min_length=1, max_length=100)

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.products and not self.categories:
            raise ValueError("name products by SKU, categories by name, or both")
        return self


class Offer(Words):
    """The discount. `value` is a percentage or an amount in the store's currency, by kind."""

    kind: OfferKind
    value: Number | None = Field(default=None, gt=0)
    minimum_subtotal: Number | None = Field(default=None, ge=0)
    applies_to: AppliesTo | None = None
    uses: Uses = Uses.SINGLE
    customers: Customers = Customers.ANY
    valid: Valid

    @model_validator(mode="after")
    def _value_fits_kind(self) -> Self:
        if self.kind is OfferKind.FREE_SHIPPING:
            if self.value is not None:
                raise KeyFault("value", "free_shipping has no value; leave it out")
        elif self.value is None:
            raise ValueError(f"{self.kind.value} needs a value:")
        elif self.kind in PERCENT_KINDS and self.value > 100:
            raise KeyFault("value", f"{self.value} is over 100 %")
        return self

    @model_validator(mode="after")
    def _goods_fit_kind(self) -> Self:
        if self.kind is OfferKind.FREE_SHIPPING and self.applies_to is not None:
            problem = "free_shipping is for the whole basket (the store drops such a limit); leave it out"
            raise KeyFault("applies_to", problem)
        return self


class Codes(Words):
    """What the code looks like: a format of rules/codes/ and an optional prefix."""

    format: Name = "short"
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,12}$")] = ""


class IfUnknown(StrEnum):
    """What to do with an e-mail that may or may not have left."""

    SKIP = "skip"
    RESEND = "resend"


class Send(Words):
    """How messages leave."""

    quiet_hours: Window | None = None  # none leave in this stretch of the campaign's day
    if_unknown: IfUnknown = IfUnknown.SKIP


class Message(Words):
    """The e-mail: a folder of templates/ and a subject, which is a small Jinja template itself."""

    template: Name
    subject: Line
    send: Send = Send()


class AutoWhen(Words):
    """A plan within these bounds is approved by the campaign's own policy; anything larger waits for people."""

    codes: Whole = Field(ge=0)
    worst_case: Number = Field(ge=0)


class Approval(Words):
    """Who must agree, and for how long a plan may wait."""

    by: Whole = Field(default=1, ge=1, le=10)  # how many different people
    expires: Duration = timedelta(hours=48)
    auto_when: AutoWhen | None = None


class Budget(Words):
    """What all live runs of this campaign together may cost in the worst case, in the store's currency."""

    worst_case: Number = Field(gt=0)


class Campaign(Words):
    """One campaign file."""

    title: Line
    owner: Line
    status: Status = Status.DRAFT
    when: When
    who: Who
    offer: Offer
    codes: Codes = Codes()
    message: Message
    approval: Approval = Approval()
    budget: Budget | None = None
