"""A plan's content as frozen values: what an approver reads, and exactly what the digest covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tillroll.campaign.codes.strength import Strength
from tillroll.campaign.digest import RunningDigest, digest
from tillroll.campaign.frozen.crossing import Crossing
from tillroll.campaign.frozen.parts import (
    ArmOn,
    Audience,
    CategoryOn,
    Exposure,
    Goods,
    Level,
    ProductOn,
    Values,
    Verdict,
)

__all__ = [
    "POLICY",
    "RECIPIENT_FIELDS",
    "ArmOn",
    "Audience",
    "AudienceDigest",
    "CategoryOn",
    "Exposure",
    "Goods",
    "Level",
    "ProductOn",
    "Proposal",
    "StoredPlan",
    "Values",
    "Verdict",
]

RECIPIENT_FIELDS = ("customer_id", "email", "name", "first_name", "language", "country")
"""What is frozen of a recipient."""


POLICY = "policy"
"""Who approves when the campaign's `auto_when` does."""

_LATER = {
    "goods": None,
    "codes": None,
    "arms": (),
    "values": None,
    "step": 1,
    "happened": "",
    "facts": None,
    "crossings": (),
    "strength": None,
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
    crossings: tuple[
        Crossing, ...
    ] = ()  # other campaigns that reach the same people, as it was when the plan was made
    strength: Strength | None = None  # how hard the codes are to guess; None: it draws none

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
        if self.crossings:
            body["crossings"] = [one.to_json() for one in self.crossings]
        if self.values is not None:
            body["values"] = {name: str(value) for name, value in body["values"].items()}
        body["exposure"] = self.exposure.to_json()
        body["verdicts"] = [dict(verdict, level=str(verdict["level"])) for verdict in body["verdicts"]]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Proposal:
        """The proposal a plan row holds."""
        return cls(
            **{
                **body,
                "audience": Audience(**body["audience"]),
                "exposure": Exposure.from_json(body["exposure"]),
                "goods": Goods.from_json(body["goods"]) if body.get("goods") else None,
                "crossings": tuple(Crossing.from_json(one) for one in body.get("crossings", ())),
                "arms": tuple(ArmOn.from_json(one) for one in body.get("arms", ())),
                "values": Values.from_json(body["values"]) if body.get("values") else None,
                "strength": Strength(**body["strength"]) if body.get("strength") else None,
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
