"""What a plan's content is made of: verdicts, audience, exposure, and what the discount is on. Frozen values, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """What a guardrail says of a plan."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    APPROVERS = "approvers"  # it may go if more people agree than its campaign asks for
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One guardrail held against one plan: the rule, the figure, the limit, and what follows."""

    rule: str
    level: Level
    measured: str
    limit: str
    text: str = ""  # a sentence for people; empty when it passes


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who it is for. `digest` covers every recipient's id, address and name."""

    segment: str
    sentence: str
    matched: int  # customers the segment selects
    excluded: Mapping[str, int]  # reason → how many of them are left out
    count: int  # recipients
    digest: str


_AMOUNTS = ("worst_case", "expected", "expected_low", "expected_high")


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What the run may cost, in the store's currency. None means without bound, or not to be told."""

    worst_case: Decimal | None
    worst_case_basis: str
    expected: Decimal | None
    expected_basis: str
    expected_low: Decimal | None = None
    expected_high: Decimal | None = None
    range_basis: str = ""  # what the low and the high amount rest on; empty: no range is told

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Exposure:
        """The exposure of a plan row; plans from before ranges have none."""
        amounts = {name: body.get(name) for name in _AMOUNTS}
        return cls(
            **{**body, **{name: None if one is None else Decimal(one) for name, one in amounts.items()}}
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; the range is left out where none is told."""
        body = asdict(self)
        body |= {name: None if body[name] is None else str(body[name]) for name in _AMOUNTS}
        if not self.range_basis:
            for name in ("expected_low", "expected_high", "range_basis"):
                del body[name]
        return body


@dataclass(frozen=True, kw_only=True)
class ProductOn:
    """A product the discount is on."""

    product_id: int
    sku: str
    name: str
    by_variation: str = (
        ""  # the variation's SKU that named it: the store limits by product, so all of them count
    )
    price: str = ""  # what it cost when the plan was made; empty: not told


@dataclass(frozen=True, kw_only=True)
class CategoryOn:
    """A category the discount is on."""

    category_id: int
    path: str  # from the top, like Tea/Green


@dataclass(frozen=True, kw_only=True)
class Goods:
    """What the discount is on, as the store knows it: its ids are what every coupon is limited to."""

    products: tuple[ProductOn, ...] = ()
    categories: tuple[CategoryOn, ...] = ()
    prices: str = (
        ""  # a digest over all that it costs, variations and what is in the categories too; empty: not told
    )

    @property
    def named(self) -> str:
        """`Sencha, Tea/Green`."""
        return ", ".join(
            [*(one.name or one.sku for one in self.products), *(one.path for one in self.categories)]
        )

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Goods:
        """The goods of a plan row."""
        return cls(
            products=tuple(ProductOn(**one) for one in body["products"]),
            categories=tuple(CategoryOn(**one) for one in body["categories"]),
            prices=body.get("prices", ""),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; prices that aren't told are left out."""
        body = asdict(self)
        for product in body["products"]:
            if not product["price"]:
                del product["price"]
        if not self.prices:
            del body["prices"]
        return body


@dataclass(frozen=True, kw_only=True)
class ArmOn:
    """One arm of a comparison: how many get what."""

    name: str
    count: int
    offer: str  # a sentence
    template: str
    subject: str
    goods: Goods | None = None  # what its offer is on; None: what the plan's is on

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ArmOn:
        """One arm of a plan row."""
        return cls(**{**body, "goods": Goods.from_json(body["goods"]) if body.get("goods") else None})

    def to_json(self) -> dict[str, Any]:
        """Plain data; goods of its own only if it has any."""
        body = asdict(self)
        del body["goods"]
        return body if self.goods is None else {**body, "goods": self.goods.to_json()}


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the discount is worth to the recipients, when each has their own value."""

    least: Decimal
    mean: Decimal
    most: Decimal

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> Values:
        """The values of a plan row."""
        return cls(**{name: Decimal(value) for name, value in body.items()})
