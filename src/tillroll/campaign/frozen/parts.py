"""The parts of a plan's content: verdicts, audience, exposure, products and arms. Frozen and pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any


class VerdictLevel(StrEnum):
    """The result of checking a plan against a guardrail."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    APPROVERS = "approvers"  # allowed, if more people approve than the campaign asks for
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The check of one guardrail for one plan: rule, figure, limit and result."""

    rule: str
    level: VerdictLevel
    measured: str
    limit: str
    text: str = ""  # a sentence for people; empty if it passes


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What decides when a run's e-mails leave, as it was when its plan was made."""

    countries: Mapping[str, int] = field(default_factory=dict)  # recipients, if there are quiet hours
    domains: Mapping[str, int] = field(default_factory=dict)  # recipients, if mail domains have a rate
    days: tuple[int, ...] = ()  # e-mails that a new sender sends of it today, tomorrow and so on

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Leaving:
        return cls(**{**body, "days": tuple(body["days"])})


@dataclass(frozen=True, kw_only=True)
class Audience:
    """The recipients of a plan. `digest` covers everything frozen about each of them (`AudienceDigest`)."""

    segment: str
    sentence: str
    matched: int  # customers that the segment selects
    excluded: Mapping[str, int]  # reason → how many of those are left out
    count: int  # recipients
    digest: str


_AMOUNTS = ("worst_case", "expected", "expected_low", "expected_high", "basket")


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The cost of a run in the store's currency. None: unlimited (worst case) or not known (expected)."""

    worst_case: Decimal | None
    worst_case_basis: str
    expected: Decimal | None
    expected_basis: str
    expected_low: Decimal | None = None
    expected_high: Decimal | None = None
    range_basis: str = ""  # how the range was estimated; empty: there is no range
    basket: Decimal | None = (
        None  # a recipient's average order that the worst case allows for; none: the guardrails' basket
    )

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Exposure:
        """Read the exposure of a stored plan; old plans have no range and no basket."""
        amounts = {name: body.get(name) for name in _AMOUNTS}
        return cls(
            **{**body, **{name: None if text is None else Decimal(text) for name, text in amounts.items()}}
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without the range or the basket if there is none."""
        body = asdict(self)
        body |= {name: None if body[name] is None else str(body[name]) for name in _AMOUNTS}
        if not self.range_basis:
            for name in ("expected_low", "expected_high", "range_basis"):
                del body[name]
        if self.basket is None:
            del body["basket"]
        return body


@dataclass(frozen=True, kw_only=True)
class OfferProduct:
    """A product that the discount is limited to."""

    product_id: int
    sku: str
    name: str
    by_variation: str = ""  # SKU of the variation in the file; the store can only limit by product
    price: str = ""  # when the plan was made; empty: not known


@dataclass(frozen=True, kw_only=True)
class OfferCategory:
    """A category that the discount is limited to."""

    category_id: int
    path: str  # from the top, like Tea/Green


@dataclass(frozen=True, kw_only=True)
class Goods:
    """The products and categories that the discount is limited to, by the store's ids."""

    products: tuple[OfferProduct, ...] = ()
    categories: tuple[OfferCategory, ...] = ()
    prices: str = (
        ""  # digest over all prices, of variations and of products in the categories too; empty: not known
    )

    @property
    def named(self) -> str:
        """The names as text: `Sencha, Tea/Green`."""
        products = (product.name or product.sku for product in self.products)
        return ", ".join([*products, *(category.path for category in self.categories)])

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Goods:
        """Read the goods of a stored plan."""
        return cls(
            products=tuple(OfferProduct(**product) for product in body["products"]),
            categories=tuple(OfferCategory(**category) for category in body["categories"]),
            prices=body.get("prices", ""),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without unknown prices."""
        body = asdict(self)
        for product in body["products"]:
            if not product["price"]:
                del product["price"]
        if not self.prices:
            del body["prices"]
        return body


@dataclass(frozen=True, kw_only=True)
class PlanArm:
    """One arm of an A/B test: its size, offer and e-mail."""

    name: str
    count: int
    offer: str  # a phrase
    template: str
    subject: str
    goods: Goods | None = None  # of its offer; None: as in the plan

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> PlanArm:
        """Read one arm of a stored plan."""
        return cls(**{**body, "goods": Goods.from_json(body["goods"]) if body.get("goods") else None})

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without goods if it has none of its own."""
        body = asdict(self)
        del body["goods"]
        return body if self.goods is None else {**body, "goods": self.goods.to_json()}


@dataclass(frozen=True, kw_only=True)
class ValueRange:
    """The discount's value over all recipients, if each has their own."""

    least: Decimal
    mean: Decimal
    most: Decimal

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> ValueRange:
        """Read the values of a stored plan."""
        return cls(**{name: Decimal(value) for name, value in body.items()})
