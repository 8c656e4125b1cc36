"""A plan's content as frozen values: what an approver reads, and exactly what the digest covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tillroll.campaign.digest import RunningDigest, digest

RECIPIENT_FIELDS = ("customer_id", "email", "name", "first_name", "language", "country")
"""What is frozen of a recipient."""


POLICY = "policy"
"""Who approves when the campaign's `auto_when` does."""


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


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What the run may cost, in the store's currency. None means without bound, or not to be told."""

    worst_case: Decimal | None
    worst_case_basis: str
    expected: Decimal | None
    expected_basis: str


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

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Goods:
        """The goods of a plan row."""
        return cls(
            products=tuple(ProductOn(**one) for one in body["products"]),
            categories=tuple(CategoryOn(**one) for one in body["categories"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; a price that isn't told is left out."""
        body = asdict(self)
        for product in body["products"]:
            if not product["price"]:
                del product["price"]
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


_LATER = {
    "goods": None,
    "codes": None,
    "arms": (),
    "values": None,
    "step": 1,
    "happened": "",
    "facts": None,
}
"""Fields that came to the proposal later, and what they hold where nothing is said: then there is no word of them, so that
a plan from before keeps its digest."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The frozen plan of one run."""

    store_id: int  # the store's own number
    store_name: str
    currency: str
    timezone: str
    campaign: str
    title: str
    owner: str
    slot_key: str
    slot_at: str  # ISO 8601, UTC
    revision: str  # digest of the campaign file and everything it uses
    offer: str  # a sentence
    valid: str  # a sentence, with the store's day edge
    code_format: str
    code_example: str  # a made-up code that can never be live: it holds no drawn symbols
    code_bits: float
    template: str
    subject: str
    approvers: int
    audience: Audience
    exposure: Exposure
    calls: int
    minutes: float
    verdicts: tuple[Verdict, ...] = field(default=())
    goods: Goods | None = None  # None: the discount is on everything
    codes: int | None = None  # how many are made; None: one for each recipient
    arms: tuple[ArmOn, ...] = ()
    values: Values | None = None  # None: the same for all
    step: int = 1  # of the campaign's flow
    happened: str = ""  # what the run is about, as a sentence; empty: the clock or a person started it
    facts: Mapping[str, Any] | None = None  # what messages may say of it

    @property
    def code_count(self) -> int:
        """How many codes the run makes."""
        return self.audience.count if self.codes is None else self.codes

    def goods_of(self, arm: str) -> Goods | None:
        """What the discount of an arm is on; None: on everything."""
        own = next((one.goods for one in self.arms if one.name == arm), None)
        return own or self.goods

    @property
    def all_goods(self) -> tuple[Goods, ...]:
        """What the discount is on, in any arm."""
        found = (self.goods, *(one.goods for one in self.arms))
        return tuple(one for one in found if one is not None)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form of everything above."""
        return digest(self.to_json())

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The verdicts that forbid the run."""
        return tuple(verdict for verdict in self.verdicts if verdict.level is Level.REFUSE)

    def to_json(self) -> dict[str, Any]:
        """Plain data: amounts as text, so that nothing is rounded on the way."""
        body = asdict(self)
        for name, nothing in _LATER.items():
            if body[name] == nothing:
                del body[name]
        if self.goods is not None:
            body["goods"] = self.goods.to_json()
        if self.arms:
            body["arms"] = [one.to_json() for one in self.arms]
        if self.values is not None:
            body["values"] = {name: str(value) for name, value in body["values"].items()}
        for name in ("worst_case", "expected"):
            amount = body["exposure"][name]
            body["exposure"][name] = None if amount is None else str(amount)
        body["verdicts"] = [dict(verdict, level=str(verdict["level"])) for verdict in body["verdicts"]]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Proposal:
        """The proposal a plan row holds."""
        exposure = dict(body["exposure"])
        for name in ("worst_case", "expected"):
            exposure[name] = None if exposure[name] is None else Decimal(exposure[name])
        return cls(
            **{
                **body,
                "audience": Audience(**body["audience"]),
                "exposure": Exposure(**exposure),
                "goods": Goods.from_json(body["goods"]) if body.get("goods") else None,
                "arms": tuple(ArmOn.from_json(one) for one in body.get("arms", ())),
                "values": Values.from_json(body["values"]) if body.get("values") else None,
                "verdicts": tuple(
                    Verdict(**{**one, "level": Level(one["level"])}) for one in body["verdicts"]
                ),
            }
        )


class AudienceDigest(RunningDigest):
    """The digest of an audience; its recipients come in the order of their customer ids."""

    def add_recipient(self, recipient: Mapping[str, Any]) -> None:
        """Take one recipient in: everything a message can show of them counts, and so do their arm and value if they have any."""
        said = [recipient[name] for name in RECIPIENT_FIELDS]
        arm, value = recipient.get("arm") or "", recipient.get("value")
        if arm or value is not None:
            said += [arm, None if value is None else f"{value.normalize():f}"]
        self.add(said)


@dataclass(frozen=True, kw_only=True)
class StoredPlan:
    """A plan as the ledger has it."""

    plan_id: int
    run_id: int
    revision_id: int
    digest: str
    proposal: Proposal
    made_at: datetime
    expires_at: datetime
