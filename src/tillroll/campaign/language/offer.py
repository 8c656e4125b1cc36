"""The discount: kind, value, limits, products and categories, and validity (`offer:` of a campaign file)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from tillroll.campaign.language import capped
from tillroll.campaign.language.value import PerCustomer, Value
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.money import Amount, CapAmount, Money, Percent
from tillroll.campaign.text.units import KeyFault, ValidFor, WallEnd, WallTime

THE_PRODUCT = "{product}"
"""In `applies_to.products`: the product of the campaign's event."""


class OfferKind(StrEnum):
    """The kinds of discount that a coupon can carry."""

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
_AS_AMOUNT = {
    OfferKind.PERCENT: OfferKind.AMOUNT,
    OfferKind.PERCENT_AND_SHIPPING: OfferKind.AMOUNT_AND_SHIPPING,
}
_CAP = "for a percentage of at most an amount, write at_most: with that amount, beside value:"
_CAP_WORDS = (
    "cap", "capped", "cap_at", "capped_at", "max", "maximum", "max_value", "max_amount", "max_discount", "maximum_discount",
    "maximum_amount", "limit", "up_to", "upto", "no_more_than", "not_more_than", "most", "at_most_amount", "amount_limit",
    "discount_limit", "ceiling",
)  # fmt: skip


class Uses(StrEnum):
    """How often one code can be used."""

    SINGLE = "single"
    ONCE_PER_CUSTOMER = "once_per_customer"
    UNLIMITED = "unlimited"


class AllowedCustomers(StrEnum):
    """Which customers the store lets use the code."""

    ANY = "any"
    NEW = "new"  # customers without orders
    REPEAT = "repeat"


class Valid(Block):
    """When the code is valid: for a duration from the start of minting, or between two fixed moments."""

    for_: ValidFor | None = Field(
        default=None,
        alias="for",
        description="This long from the start of minting: days and weeks to the end of the last day, hours and minutes exactly.",
        examples=["14d", "24h"],
    )
    from_: WallTime | None = Field(default=None, alias="from", examples=["2026-11-27 00:00"])
    until: WallEnd | None = Field(
        default=None,
        description="The last moment. A day without a time is good to its end.",
        examples=["2026-11-30", "2026-11-30 18:00"],
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("give either for: (like 14d) or until: (like 2026-12-31), not both")
        if self.for_ is not None and self.from_ is not None:
            raise KeyFault("from", "from: can't be combined with for:, only with until:")
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise KeyFault("until", "until: must be later than from:")
        return self


class AppliesTo(Block):
    """The products (by SKU) and categories (by name or path, `Tea/Green`) that the discount is limited to."""

    products: tuple[Line, ...] = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="SKUs; {product} is the product of back_in_stock, overstocked or low_stock.",
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


class Offer(Block):
    """The discount. `value` is a percentage or an amount in the store's currency, depending on `kind`."""

    meant: ClassVar[Mapping[str, str]] = dict.fromkeys(_CAP_WORDS, _CAP)

    kind: OfferKind
    value: Value | None = Field(
        default=None,
        description="A percentage or an amount, depending on kind, or a value for each customer.",
        examples=[15, {"formula": "min(0.15 * average_order, 20)", "at_most": 20}],
    )
    at_most: CapAmount | None = Field(
        default=None,
        gt=0,
        description="Of a percentage: the most that an order gets off, as an amount. Each code then takes an amount off.",
        examples=[30],
    )
    usual_basket: Amount | None = Field(
        default=None,
        gt=0,
        description="With at_most: the basket expected where no order or cart tells it, and for a shared code or a pool.",
        examples=[60],
    )
    minimum_subtotal: Amount | None = Field(
        default=None, ge=0, description="The smallest basket the code can be used for."
    )
    applies_to: AppliesTo | None = None
    uses: Uses = Field(default=Uses.SINGLE, description="How often one code can be used.")
    customers: AllowedCustomers = Field(
        default=AllowedCustomers.ANY, description="Which customers the store lets use the code."
    )
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
            raise KeyFault("value", f"{self.largest_value} is more than 100%")
        self._check_limits()
        return self

    def _check_limits(self) -> None:
        """Refuse limits of a value in another measure than the value's own."""
        for name, limit in self.per_customer.limits if self.per_customer is not None else ():
            if self.kind in PERCENT_KINDS and isinstance(limit, Money):
                problem = f"{name}: of a percentage is one too, like {limit:f}%; {limit.currency} {limit:f} needs kind: amount"
                raise KeyFault("value", problem)
            if self.kind in AMOUNT_KINDS and isinstance(limit, Percent):
                raise KeyFault(
                    "value", f"{name}: of an amount is an amount, like {limit:f}; it has no percent sign"
                )

    @model_validator(mode="after")
    def _cap_fits_kind(self) -> Self:
        if self.at_most is None:
            if self.usual_basket is not None:
                raise KeyFault(
                    "usual_basket", "usual_basket: belongs to a percentage with at_most:; leave it out"
                )
            return self
        if self.kind not in PERCENT_KINDS:
            raise KeyFault("at_most", f"at_most: caps a percentage, not {self.kind.value}; leave it out")
        if isinstance(self.value, PerCustomer):
            problem = (
                "an amount needs one percentage for all: write value: 15 beside it; or write kind: amount and "
                "value: {formula: 'min(0.15 * average_order, 30)', at_most: 30}"
            )
            raise KeyFault("at_most", problem)
        if self.applies_to is not None:
            problem = (
                "can't be combined with applies_to: the store counts the minimum over the whole basket, so the amount could "
                "be far more than the percentage of these goods; leave one of the two out"
            )
            raise KeyFault("at_most", problem)
        return self

    @model_validator(mode="after")
    def _goods_fit_kind(self) -> Self:
        if self.kind is OfferKind.FREE_SHIPPING and self.applies_to is not None:
            problem = (
                "free_shipping applies to the whole basket (the store ignores such a limit); leave it out"
            )
            raise KeyFault("applies_to", problem)
        return self

    @property
    def largest_value(self) -> Decimal:
        """The value, or the largest value that any customer can get; 0 without a value."""
        if isinstance(self.value, PerCustomer):
            return self.value.largest
        return self.value if self.value is not None else Decimal(0)

    @property
    def per_customer(self) -> PerCustomer | None:
        """How each customer's value is calculated; None if it is the same for all."""
        return self.value if isinstance(self.value, PerCustomer) else None

    @property
    def coupon_kind(self) -> OfferKind:
        """The kind of coupon that the store gets: of a percentage with a cap, an amount."""
        return self.kind if self.at_most is None else _AS_AMOUNT[self.kind]

    @property
    def largest_off(self) -> Decimal:
        """The largest value that a coupon can have, as its kind counts: a percentage or an amount."""
        return self.largest_value if self.at_most is None else self.at_most

    def value_for(self, figures: Mapping[str, Decimal], unit: Decimal) -> Decimal | None:
        """Return a customer's own value; None if they get no code, or if the value is the same for all.

        `unit` is the smallest of the store's currency.
        """
        if self.at_most is not None:
            return self._capped(capped.expected_basket(figures), unit) or None
        if self.per_customer is None:
            return None
        return self.per_customer.value_for(figures, unit if self.kind in AMOUNT_KINDS else None)

    def _capped(self, basket: Decimal | None, unit: Decimal) -> Decimal:
        """Return the amount that a capped percentage takes off for an expected basket; None: unknown."""
        assert self.at_most is not None  # noqa: S101 - only asked of a percentage with a cap
        basket = basket or self.usual_basket
        if basket is not None:
            basket = max(basket, self.minimum_subtotal or basket)
        return capped.amount_for(self.largest_value, self.at_most, basket, unit)

    def minimum_with(self, value: Decimal, unit: Decimal) -> Decimal | None:
        """Return the minimum subtotal of a code with this value: of a capped percentage, where the value is that percentage."""
        if self.at_most is None:
            return self.minimum_subtotal
        return max(capped.minimum_for(self.largest_value, value, unit), self.minimum_subtotal or Decimal(0))

    def applied(self, value: Decimal | None, unit: Decimal) -> Offer:
        """Return the offer as the till applies it to one code. `value` is the code's own; None: it has the one for all.

        `unit` is the smallest of the store's currency.
        """
        if self.at_most is None:
            return self if value is None else self.model_copy(update={"value": value})
        amount = (self._capped(None, unit) or unit) if value is None else value
        changes = {
            "kind": self.coupon_kind,
            "value": amount,
            "minimum_subtotal": self.minimum_with(amount, unit),
            "at_most": None,
            "usual_basket": None,
        }
        return self.model_copy(update=changes)

    def too_fine(self, unit: Decimal) -> Iterator[tuple[str, Decimal]]:
        """Yield each amount that is no multiple of the currency's smallest, with its key."""
        amounts: list[tuple[str, Decimal | None]] = [
            (key, getattr(self, key)) for key in ("minimum_subtotal", "at_most", "usual_basket")
        ]
        if self.kind in AMOUNT_KINDS:
            amounts += self.per_customer.amounts() if self.per_customer else [("value", self.fixed_value)]
        yield from ((key, amount) for key, amount in amounts if amount is not None and amount % unit)

    @property
    def fixed_value(self) -> Decimal | None:
        """The one value for all; None without a value or if each customer has their own."""
        return None if isinstance(self.value, PerCustomer) else self.value


class OfferChange(Block):
    """What a variant changes in the offer."""

    meant: ClassVar[Mapping[str, str]] = Offer.meant

    kind: OfferKind | None = None
    value: Value | None = None
    at_most: CapAmount | None = Field(default=None, gt=0)
    usual_basket: Amount | None = Field(default=None, gt=0)
    minimum_subtotal: Amount | None = Field(default=None, ge=0)
    applies_to: AppliesTo | None = None
    uses: Uses | None = None
    customers: AllowedCustomers | None = None
    valid: Valid | None = None
