"""What a campaign file says, as frozen values. Units are as people write them (`units.py`); unknown keys are refused.

Its blocks are modules of their own: `trigger.py` (when), `offer.py` and `value.py`, `message.py`, and the smaller ones in
`blocks.py`. Here is the file as a whole, and what of it must hang together.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from tillroll.campaign.language.blocks import (
    SHARED_PATTERN,
    Approval,
    AutoWhen,
    Budget,
    Codes,
    Pool,
    Status,
    Step,
    Variant,
    Who,
)
from tillroll.campaign.language.message import IfUnknown, Message, Reminder, Send, Unless, Via
from tillroll.campaign.language.offer import (
    AMOUNT_KINDS,
    PERCENT_KINDS,
    SHIPPING_KINDS,
    THE_PRODUCT,
    AppliesTo,
    Customers,
    Offer,
    OfferKind,
    Uses,
    Valid,
)
from tillroll.campaign.language.trigger import Again, Event, IfLate, Stops, When
from tillroll.campaign.language.value import Figure, PerCustomer
from tillroll.campaign.text.units import KeyFault
from tillroll.campaign.text.words import LINE_PATTERN, Line, Name, Words

__all__ = [
    "AMOUNT_KINDS",
    "LINE_PATTERN",
    "PERCENT_KINDS",
    "SHARED_PATTERN",
    "SHIPPING_KINDS",
    "THE_PRODUCT",
    "Again",
    "AppliesTo",
    "Approval",
    "AutoWhen",
    "Budget",
    "Campaign",
    "Codes",
    "Customers",
    "Event",
    "Figure",
    "IfLate",
    "IfUnknown",
    "Line",
    "Message",
    "Name",
    "Offer",
    "OfferKind",
    "PerCustomer",
    "Pool",
    "Reminder",
    "Send",
    "Status",
    "Step",
    "Stops",
    "Unless",
    "Uses",
    "Valid",
    "Variant",
    "Via",
    "When",
    "Who",
    "Words",
]


class Campaign(Words):
    """One campaign file."""

    title: Line = Field(description="What it is called, for people.", examples=["We miss you"])
    owner: Line = Field(description="Who answers for it: an e-mail address or a name.")
    status: Status = Field(default=Status.DRAFT, description="Whether the loop acts on it.")
    extends: Name | None = Field(
        default=None,
        description="Another campaign; what this file doesn't say, that one says (but not its status).",
    )
    when: When
    who: Who = Who()
    unless: tuple[Unless, ...] = Field(
        default=(), description="Nothing is sent to those who did this since the event."
    )
    stops: Stops | None = None
    offer: Offer | None = Field(default=None, description="Without it, an e-mail without a code.")
    codes: Codes = Codes()
    message: Message | None = None
    steps: tuple[Step, ...] = Field(
        default=(), min_length=1, max_length=20, description="Several e-mails in a row, instead of message:."
    )
    approval: Approval = Approval()
    budget: Budget | None = None
    variants: tuple[Variant, ...] = Field(
        default=(),
        min_length=2,
        max_length=10,
        description="Arms to compare; each customer is always in the same one.",
    )
    environments: dict[str, Any] = Field(
        default_factory=dict,
        exclude=True,
        description="What the file says differently in an environment: sandbox or live.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _check_event(self)
        _check_shape(self)
        _check_codes(self)
        _check_variants(self)
        return self

    def as_run(self, *, step: int = 1, arm: str = "") -> Campaign:
        """The campaign as one step and one arm see it: with that offer and message, and no steps or variants.

        Raises `ValueError` where an arm's changes make no sense with what they change (`tillroll check` tells it with its place).
        """
        said = self.said()
        steps, variants = said.pop("steps", ()), said.pop("variants", ())
        if steps:
            here = dict(steps[step - 1])
            said["message"] = here["message"]
            said["offer"], said["codes"] = here.get("offer"), here.get("codes") or said.get("codes")
            said = {key: value for key, value in said.items() if value is not None}
        for variant in variants:
            if variant["name"] == arm:
                for block in ("offer", "message"):
                    if variant.get(block) and said.get(block):
                        said[block] = {**said[block], **variant[block]}
        return Campaign.model_validate(said)


def _check_shape(campaign: Campaign) -> None:
    """Message or steps, and an audience."""
    only_pool = campaign.codes.pool is not None and campaign.message is None and not campaign.steps
    if campaign.steps:
        for key in ("message", "offer"):
            if getattr(campaign, key) is not None:
                raise KeyFault(key, f"{key}: stands in each of the steps: here; leave it out")
    elif campaign.message is None and not only_pool:
        raise ValueError("say what is sent: message:, or steps:")
    if only_pool and campaign.offer is None:
        raise KeyFault("codes", "a pool needs an offer:")
    by_itself = campaign.when.on is not None and not campaign.when.on.about_product
    if campaign.who.segment is None and not by_itself and not only_pool:
        place = "who" if "who" in campaign.model_fields_set else "when"
        raise KeyFault(place, "who: must name a segment:, since no customer comes with this trigger")
    if only_pool and campaign.who.segment is not None:
        raise KeyFault("who", "a pool without message: is sent to nobody; leave out segment:")


def _check_event(campaign: Campaign) -> None:
    """What goes with `when.on` only."""
    event = campaign.when.on
    if event is None:
        for key in ("after", "again"):
            if getattr(campaign.when, key) is not None:
                raise KeyFault("when", f"{key}: goes with on:")
    if (event is None or event.about_product) and campaign.steps:
        raise KeyFault("steps", "steps: follow an event of a customer; give when: {on: ...}")
    if (event is None or event.about_product) and campaign.unless:
        raise KeyFault("unless", "unless: goes with an event of a customer")
    if campaign.steps and campaign.when.after is not None and campaign.steps[0].wait is not None:
        raise KeyFault("steps", "the first step's wait: and when.after: say the same; leave one out")
    named = [
        one for offer in _offers(campaign) for one in (offer.applies_to.products if offer.applies_to else ())
    ]
    if THE_PRODUCT in named and (event is None or not event.about_product):
        raise KeyFault("offer", f"{THE_PRODUCT} needs an event of a product, like on: back_in_stock")
    if campaign.stops is not None and not named:
        raise KeyFault("stops", "stock_below: needs an offer that applies_to: products")
    earlier = False
    for index, step in enumerate(campaign.steps):
        if step.same_code and not earlier:
            raise KeyFault("steps", f"same_code: in step {index + 1}, but no earlier step has an offer:")
        earlier = earlier or step.offer is not None


def _check_codes(campaign: Campaign) -> None:
    """One shared code, or a pool, and what they can't do."""
    if campaign.offer is None and not campaign.steps and "codes" in campaign.model_fields_set:
        raise KeyFault("codes", "codes: goes with offer:")
    pairs = [
        (campaign.offer, campaign.codes),
        *((one.offer, one.codes or campaign.codes) for one in campaign.steps),
    ]
    for offer, codes in pairs:
        if offer is None or (codes.shared is None and codes.pool is None):
            continue
        what = "a shared code" if codes.shared is not None else "a pool"
        if offer.per_customer is not None:
            raise KeyFault("codes", f"{what} has one value for all; give a code to each (leave it out)")
        if codes.shared is not None and offer.uses is Uses.SINGLE:
            raise KeyFault(
                "codes", "a shared code with uses: single works once in all; say uses: once_per_customer"
            )
        if any(variant.offer is not None for variant in campaign.variants):
            raise KeyFault("variants", f"{what} can't differ by variant; give a code to each")
    _check_time_of_codes(campaign)
    if campaign.steps and any((one.codes or campaign.codes).pool for one in campaign.steps):
        raise KeyFault("steps", "a pool can't stand in steps:; give a code to each")


def _check_time_of_codes(campaign: Campaign) -> None:
    """When codes are made and deleted: `ahead` needs a time that is known before."""
    for step in campaign.steps:
        for key in ("ahead", "delete_after"):
            if step.codes is not None and getattr(step.codes, key) is not None:
                raise KeyFault("steps", f"{key}: stands in the campaign's own codes:, not in a step's")
    if campaign.codes.ahead is None:
        return
    if campaign.when.on is not None or campaign.when.manual:
        raise KeyFault(
            "codes", "ahead: goes with a schedule (cron:, at: or every:): nobody knows the time before"
        )
    if campaign.codes.shared is not None or campaign.codes.pool is not None:
        raise KeyFault("codes", "ahead: goes with a code for each; leave out shared: and pool:")


def _check_variants(campaign: Campaign) -> None:
    names = [one.name for one in campaign.variants]
    for index, one in enumerate(campaign.variants):
        if one.name in names[:index]:
            raise KeyFault("variants", f"two variants are called {one.name}")
        if campaign.steps and one.message is not None:
            raise KeyFault("variants", "in a flow a variant can change the offer only")
        if one.message is not None and campaign.message is None:
            raise KeyFault("variants", "there is no message: to change")
        if one.offer is not None and not _offers(campaign):
            raise KeyFault("variants", "there is no offer: to change")


def _offers(campaign: Campaign) -> list[Offer]:
    return [one for one in (campaign.offer, *(step.offer for step in campaign.steps)) if one is not None]
