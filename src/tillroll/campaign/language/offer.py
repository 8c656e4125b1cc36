"""The discount: kind, value, limits, what it is on, and when its codes work (`offer:` of a campaign file)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tillroll.campaign.language.money import Amount, Money
from tillroll.campaign.language.value import PerCustomer, Value
from tillroll.campaign.text.units import Duration, KeyFault, WallTime
from tillroll.campaign.text.words import Line, Words

THE_PRODUCT = "{product}"
"""Among `applies_to.products`: the product that the campaign's event is about."""


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

    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="So long from the moment minting begins, to the end of that day.",
        examples=["14d"],
    )
    from_: WallTime | None = Field(default=None, alias="from", examples=["2026-11-27 00:00"])
    until: WallTime | None = Field(default=None, examples=["2026-11-30 23:59"])

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

    products: tuple[Line, ...] = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="SKUs; {product} is the product that the event is about.",
        examples=[["TEA-1", "TEA-2"], ["{product}"]],
    )
    categories: tuple[Line, ...] = Field(
        default=(), min_length=1, max_length=100, description="Names or paths.", examples=[["Tea/Green"]]
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.products and not self.categories:
            raise ValueError("name products by SKU, categories by name, or both")
        return self


class Offer(Words):
    """The discount. `value` is a percentage or an amount in the store's currency, by kind."""

    kind: OfferKind
    value: Value | None = Field(
        default=None,
        description="A percentage or an amount by kind, or a value for each customer.",
        examples=[15, {"formula": "min(0.15 * average_order, 20)", "at_most": 20}],
    )
    minimum_subtotal: Amount | None = Field(
        default=None, ge=0, description="The smallest basket it works on."
    )
    applies_to: AppliesTo | None = None
    uses: Uses = Field(default=Uses.SINGLE, description="How often one code works.")
    customers: Customers = Field(default=Customers.ANY, description="Who the store lets use it.")
    valid: Valid

    @model_validator(mode="after")
    def _value_fits_kind(self) -> Self:
        if self.kind is OfferKind.FREE_SHIPPING:
            if self.value is not None:
                raise KeyFault("value", "free_shipping has no value; leave it out")
            return self
        if self.value is None:
            raise ValueError(f"{self.kind.value} needs a value:")
        if self.largest_value <= 0:
            raise KeyFault("value", f"{self.largest_value} must be more than 0")
        if self.kind in PERCENT_KINDS and isinstance(self.fixed_value, Money):
            raise KeyFault("value", "a percentage has no currency; write it like 15")
        if self.kind in PERCENT_KINDS and self.largest_value > 100:
            raise KeyFault("value", f"{self.largest_value} is over 100 %")
        return self

    @model_validator(mode="after")
    def _goods_fit_kind(self) -> Self:
        if self.kind is OfferKind.FREE_SHIPPING and self.applies_to is not None:
            problem = "free_shipping is for the whole basket (the store drops such a limit); leave it out"
            raise KeyFault("applies_to", problem)
        return self

    @property
    def largest_value(self) -> Decimal:
        """The value, or the most that a value for each customer can come to; 0 without one."""
        if isinstance(self.value, PerCustomer):
            return self.value.largest
        return self.value if self.value is not None else Decimal(0)

    @property
    def per_customer(self) -> PerCustomer | None:
        """How each customer's own value is worked out; None when it is the same for all."""
        return self.value if isinstance(self.value, PerCustomer) else None

    @property
    def fixed_value(self) -> Decimal | None:
        """The one value for all; None when there is none, or each customer has their own."""
        return None if isinstance(self.value, PerCustomer) else self.value


class OfferChange(Words):
    """What a variant says differently of the offer."""

    kind: OfferKind | None = None
    value: Value | None = None
    minimum_subtotal: Amount | None = Field(default=None, ge=0)
    applies_to: AppliesTo | None = None
    uses: Uses | None = None
    customers: Customers | None = None
    valid: Valid | None = None
