"""A plan's content: what an approver reads and the digest covers. Old bodies must keep their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from tillroll.campaign.codes.strength import Strength
from tillroll.campaign.digest import RunningDigest, digest
from tillroll.campaign.frozen.overlap import Overlap
from tillroll.campaign.frozen.parts import (
    Audience,
    Exposure,
    Goods,
    Leaving,
    OfferCategory,
    OfferProduct,
    PlanArm,
    ValueRange,
    Verdict,
    VerdictLevel,
)

__all__ = [
    "POLICY",
    "RECIPIENT_FIELDS",
    "Audience",
    "AudienceDigest",
    "Exposure",
    "Goods",
    "Leaving",
    "OfferCategory",
    "OfferProduct",
    "PlanArm",
    "Proposal",
    "StoredPlan",
    "ValueRange",
    "Verdict",
    "VerdictLevel",
]

RECIPIENT_FIELDS = ("customer_id", "email", "name", "first_name", "language", "country")
"""The frozen fields of a recipient."""
_fields_of = itemgetter(*RECIPIENT_FIELDS)


POLICY = "policy"
"""The approver recorded for an approval by the campaign's `auto_when`."""

_DEFAULTS: Mapping[str, Any] = {
    "cap": "",
    "goods": None,
    "codes": None,
    "arms": (),
    "values": None,
    "step": 1,
    "happened": "",
    "facts": None,
    "crossings": (),
    "strength": None,
    "languages": {},
    "leaving": None,
    "power": "",
    "codes_sent_by": "",
}
"""Fields added after the first version, with their defaults. Defaults are omitted from the body, so that digests of older plans
stay valid."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The frozen plan of one run."""

    store_id: int  # the store's number at Ecwid
    store_name: str
    currency: str
    timezone: str
    campaign: str
    title: str
    owner: str
    slot_key: str
    slot_at: str  # ISO 8601, UTC
    revision: str  # digest of the campaign file and all files it uses
    offer: str  # a phrase
    valid: str  # a phrase, with the end of day in the store's time zone
    code_format: str
    code_example: str  # an example that is never drawn as a code
    code_bits: float
    template: str
    subject: str
    approvers: int
    audience: Audience
    exposure: Exposure
    calls: int
    minutes: float
    verdicts: tuple[Verdict, ...] = field(default=())
    goods: Goods | None = None  # None: the discount applies to everything
    codes: int | None = None  # number of codes; None: one for each recipient
    arms: tuple[PlanArm, ...] = ()
    values: ValueRange | None = None  # None: the same for all
    step: int = 1  # of the campaign's flow
    happened: str = ""  # the event, as a sentence; empty: a schedule or a person started the run
    facts: Mapping[str, Any] | None = None  # the event's facts for messages
    crossings: tuple[Overlap, ...] = ()  # overlaps with other campaigns when the plan was made
    strength: Strength | None = None  # of the codes; None: no codes are drawn
    languages: Mapping[str, int] = field(
        default_factory=dict
    )  # of the e-mail → recipients; empty: it has one only
    cap: str = (
        ""  # what the till does with a percentage of at most an amount, as sentences; empty: there is no cap
    )
    leaving: Leaving | None = None  # None: its e-mails leave as fast as they can
    power: str = ""  # which change its control group would show, as a sentence; empty: nobody is held back, or it can't be said
    codes_sent_by: str = ""  # the program that is told of the codes and sends them; empty: none

    @property
    def code_count(self) -> int:
        """The number of codes that the run makes."""
        return self.audience.count if self.codes is None else self.codes

    def goods_of(self, arm: str) -> Goods | None:
        """Return what the discount of an arm is limited to; None: nothing."""
        own = next((entry.goods for entry in self.arms if entry.name == arm), None)
        return own or self.goods

    @property
    def all_goods(self) -> tuple[Goods, ...]:
        """All goods that the discount is limited to, in any arm."""
        every = (self.goods, *(arm.goods for arm in self.arms))
        return tuple(goods for goods in every if goods is not None)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form of all fields."""
        return digest(self.to_json())

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The verdicts that forbid the run."""
        return tuple(verdict for verdict in self.verdicts if verdict.level is VerdictLevel.REFUSE)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with amounts as text so that nothing is rounded."""
        body = asdict(self)
        for name, default in _DEFAULTS.items():
            if body[name] == default:
                del body[name]
        if self.goods is not None:
            body["goods"] = self.goods.to_json()
        if self.arms:
            body["arms"] = [arm.to_json() for arm in self.arms]
        if self.crossings:
            body["crossings"] = [overlap.to_json() for overlap in self.crossings]
        if self.values is not None:
            body["values"] = {name: str(value) for name, value in body["values"].items()}
        body["exposure"] = self.exposure.to_json()
        body["verdicts"] = [dict(verdict, level=str(verdict["level"])) for verdict in body["verdicts"]]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Proposal:
        """Read the proposal of a stored plan."""
        return cls(
            **{
                **body,
                "audience": Audience(**body["audience"]),
                "exposure": Exposure.from_json(body["exposure"]),
                "goods": Goods.from_json(body["goods"]) if body.get("goods") else None,
                "crossings": tuple(Overlap.from_json(overlap) for overlap in body.get("crossings", ())),
                "arms": tuple(PlanArm.from_json(arm) for arm in body.get("arms", ())),
                "values": ValueRange.from_json(body["values"]) if body.get("values") else None,
                "leaving": Leaving.from_json(body["leaving"]) if body.get("leaving") else None,
                "strength": Strength(**body["strength"]) if body.get("strength") else None,
                "verdicts": tuple(
                    Verdict(**{**verdict, "level": VerdictLevel(verdict["level"])})
                    for verdict in body["verdicts"]
                ),
            }
        )


class AudienceDigest(RunningDigest):
    """The digest of an audience; recipients must be added in the order of their customer ids."""

    def add_recipient(self, recipient: Mapping[str, Any]) -> None:
        """Add one recipient: all fields that a message can show, and arm and value if any."""
        values = [*_fields_of(recipient)]
        arm, value = recipient.get("arm") or "", recipient.get("value")
        if arm or value is not None:
            values += [arm, None if value is None else f"{value.normalize():f}"]
        self.add(values)


@dataclass(frozen=True, kw_only=True)
class StoredPlan:
    """A plan as stored in the ledger."""

    plan_id: int
    run_id: int
    revision_id: int
    digest: str
    proposal: Proposal
    made_at: datetime
    expires_at: datetime
