"""A campaign file as frozen values, and the rules that involve several blocks. Unknown keys are refused.

Single blocks are in `trigger.py` (when), `offer.py`, `value.py`, `message.py` and `blocks.py`; quantities in `text/units.py`.
"""

from __future__ import annotations

from functools import cached_property
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
from tillroll.campaign.language.events.event import Event
from tillroll.campaign.language.message import IfUnknown, MessageSettings, Reminder, Send, Unless, Via
from tillroll.campaign.language.offer import (
    AMOUNT_KINDS,
    PERCENT_KINDS,
    SHIPPING_KINDS,
    THE_PRODUCT,
    AllowedCustomers,
    AppliesTo,
    Offer,
    OfferKind,
    Uses,
    Valid,
)
from tillroll.campaign.language.trigger import Again, IfLate, Stops, When
from tillroll.campaign.language.value import Figure, PerCustomer
from tillroll.campaign.text.block import LINE_PATTERN, Block, Line, Name
from tillroll.campaign.text.units import KeyFault

__all__ = [
    "AMOUNT_KINDS",
    "LINE_PATTERN",
    "PERCENT_KINDS",
    "SHARED_PATTERN",
    "SHIPPING_KINDS",
    "THE_PRODUCT",
    "Again",
    "AllowedCustomers",
    "AppliesTo",
    "Approval",
    "AutoWhen",
    "Block",
    "Budget",
    "Campaign",
    "Codes",
    "Event",
    "Figure",
    "IfLate",
    "IfUnknown",
    "Line",
    "MessageSettings",
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
]


class Campaign(Block):
    """One campaign file."""

    title: Line = Field(description="The campaign's name for people.", examples=["We miss you"])
    owner: Line = Field(description="Who is responsible: an e-mail address or a name.")
    status: Status = Field(default=Status.DRAFT, description="Only active campaigns run.")
    extends: Name | None = Field(
        default=None,
        description="Another campaign, whose keys apply where this file has none (except its status).",
    )
    when: When
    who: Who = Who()
    unless: tuple[Unless, ...] = Field(
        default=(), description="Nothing is sent to customers who did this since the event."
    )
    announce: bool = Field(
        default=False,
        strict=True,
        description="Whether an e-mail may be sent before its code works; otherwise it waits until then.",
    )
    stops: Stops | None = None
    offer: Offer | None = Field(default=None, description="Without it, the e-mail has no code.")
    codes: Codes = Codes()
    message: MessageSettings | None = None
    steps: tuple[Step, ...] = Field(
        default=(), min_length=1, max_length=20, description="Several e-mails in a row, instead of message:."
    )
    approval: Approval = Approval()
    budget: Budget | None = None
    variants: tuple[Variant, ...] = Field(
        default=(),
        min_length=2,
        max_length=10,
        description="Arms of an A/B test; each customer is always in the same one.",
    )
    environments: dict[str, Any] = Field(
        default_factory=dict,
        exclude=True,
        description="Keys that differ in an environment: sandbox or live.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_event(self)
        _check_shape(self)
        _check_codes(self)
        _check_sender(self)
        _check_variants(self)
        return self

    @property
    def has_own_values(self) -> bool:
        """Whether each recipient of a run has a value of their own."""
        if self.offer is None:
            return False
        is_capped = self.offer.at_most is not None and self.codes.shared is None and self.codes.pool is None
        return is_capped or self.offer.per_customer is not None

    @cached_property
    def messages(self) -> tuple[MessageSettings, ...]:
        """All e-mails that it may send, of all steps and arms; reminders count as e-mails too."""
        messages = [self.message] if self.message is not None else [step.message for step in self.steps]
        for variant in self.variants:
            if variant.message is not None:
                messages.append(messages[0].model_copy(update=variant.message.model_dump(exclude_none=True)))
        reminders = (message.as_reminder for message in messages)
        return (*messages, *(reminder for reminder in reminders if reminder is not None))

    def as_run(self, *, step: int = 1, arm: str = "") -> Campaign:
        """Return the campaign for one step and one arm: with their offer and message, without steps and variants.

        Raises `ValueError` if an arm's changes are not valid together with the rest; `tillroll check` reports that.
        """
        if not self.steps and not self.variants:
            return self
        runs = self._runs
        if (step, arm) not in runs:
            runs[step, arm] = self._make_run(step, arm)
        return runs[step, arm]

    @cached_property
    def _runs(self) -> dict[tuple[int, str], Campaign]:
        """The campaigns that `as_run` has returned: many ask for the same."""
        return {}

    def _make_run(self, step: int, arm: str) -> Campaign:
        body = {name: getattr(self, name) for name in self.model_fields_set - {"steps", "variants"}}
        if self.steps:
            own = self.steps[step - 1]
            body["message"], body["offer"] = own.message, own.offer
            body["codes"] = own.codes or body.get("codes")
            body = {name: value for name, value in body.items() if value is not None}
        for variant in self.variants:
            if variant.name == arm:
                for block in ("offer", "message"):
                    change, whole = getattr(variant, block), body.get(block)
                    if change is not None and whole is not None:
                        changes = change.as_written()
                        body[block] = {**whole.as_written(), **changes}
                        if block == "offer":
                            _drop_foreign(body[block], changes)
        return Campaign.model_validate(body)  # blocks that are valid already aren't validated again


def _drop_foreign(offer: dict[str, Any], change: dict[str, Any]) -> None:
    """Drop what an arm's offer has of the campaign's own and its other kind can't have: a value, or a cap of a percentage."""
    kind = change.get("kind")
    foreign = ["value"] if kind == OfferKind.FREE_SHIPPING else []
    if kind is not None and kind not in PERCENT_KINDS:
        foreign += [key for key in ("at_most", "usual_basket") if key not in change]
    for key in foreign:
        offer.pop(key, None)


def _check_shape(campaign: Campaign) -> None:
    """Require a message or steps, and an audience."""
    is_told = campaign.codes.sent_by is not None  # another program sends the codes
    only_pool = (
        campaign.codes.pool is not None and campaign.message is None and not campaign.steps and not is_told
    )
    if campaign.steps:
        for key in ("message", "offer"):
            if getattr(campaign, key) is not None:
                raise KeyFault(key, f"{key}: belongs in each of the steps: here; leave it out")
    elif campaign.message is None and not only_pool and not is_told:
        raise ValueError(
            "add message: or steps:, so that something is sent; or write codes: {sent_by: crm} if another program sends the codes"
        )
    if only_pool and campaign.offer is None:
        raise KeyFault("codes", "a pool needs an offer:")
    has_customer = campaign.when.on is not None and not campaign.when.on.about_product
    if campaign.who.segment is None and not has_customer and not only_pool:
        place = "who" if "who" in campaign.model_fields_set else "when"
        trigger = "a run by hand" if campaign.when.manual else "a schedule"
        trigger = trigger if campaign.when.on is None else "a product event"
        raise KeyFault(place, f"add who.segment: {trigger} has no audience of its own")
    if only_pool and campaign.who.segment is not None:
        raise KeyFault("who", "a pool without message: sends no e-mails; leave out segment:")


def _check_sender(campaign: Campaign) -> None:
    """Check what codes that another program sends can't be combined with: it is told of each recipient's own code."""
    if any(step.codes is not None and step.codes.sent_by is not None for step in campaign.steps):
        raise KeyFault("steps", "sent_by: can't be used with steps:; write a campaign without them")
    if campaign.codes.sent_by is None:
        return
    for key in ("message", "steps"):
        if getattr(campaign, key):
            raise KeyFault(key, f"{key}: would send the codes too; leave it out, or leave out sent_by:")
    if campaign.announce:
        raise KeyFault(
            "announce", "announce: is about e-mails, and with sent_by: Tillroll sends none; leave it out"
        )
    for key in ("shared", "pool"):
        if getattr(campaign.codes, key) is not None:
            raise KeyFault("codes", f"sent_by: needs a code for each recipient; leave out {key}:")


def _check_event(campaign: Campaign) -> None:
    """Check the keys that depend on an event."""
    event = campaign.when.on
    if event is None:
        for key in ("after", "again"):
            if getattr(campaign.when, key) is not None:
                raise KeyFault("when", f"{key}: can only be used with on:")
    if (event is None or event.about_product) and campaign.steps:
        raise KeyFault("steps", "steps: need a customer event; give when: {on: ...}")
    if (event is None or event.about_product) and campaign.unless:
        raise KeyFault("unless", "unless: needs a customer event")
    if campaign.steps and campaign.when.after is not None and campaign.steps[0].wait is not None:
        raise KeyFault("steps", "the first step's wait: and when.after: mean the same; leave one out")
    named = [
        sku for offer in _offers(campaign) for sku in (offer.applies_to.products if offer.applies_to else ())
    ]
    if THE_PRODUCT in named and (event is None or not event.about_product):
        raise KeyFault("offer", f"{THE_PRODUCT} {_NEEDS_PRODUCT}")
    if campaign.stops is not None and not named:
        raise KeyFault("stops", "stock_below: needs an offer that applies_to: products")
    has_code = False
    for index, step in enumerate(campaign.steps):
        if step.same_code and not has_code:
            raise KeyFault("steps", f"same_code: in step {index + 1}, but no earlier step has an offer:")
        has_code = has_code or step.offer is not None


def _check_codes(campaign: Campaign) -> None:
    """Check what a shared code or a pool can't be combined with."""
    if campaign.offer is None and not campaign.steps and "codes" in campaign.model_fields_set:
        raise KeyFault("codes", "codes: needs an offer:")
    pairs = [
        (campaign.offer, campaign.codes),
        *((step.offer, step.codes or campaign.codes) for step in campaign.steps),
    ]
    for offer, codes in pairs:
        if offer is None or (codes.shared is None and codes.pool is None):
            continue
        what = "a shared code" if codes.shared is not None else "a pool"
        if offer.per_customer is not None:
            raise KeyFault(
                "codes", f"{what} has one value for all; leave it out, so that each customer gets a code"
            )
        if codes.shared is not None and offer.uses is Uses.SINGLE:
            raise KeyFault(
                "codes",
                "a shared code with uses: single could be used only once in total; use uses: once_per_customer",
            )
        if any(variant.offer is not None for variant in campaign.variants):
            raise KeyFault(
                "variants", f"{what} can't differ by variant; leave it out, so that each customer gets a code"
            )
    _check_time_of_codes(campaign)
    if campaign.steps and any((step.codes or campaign.codes).pool for step in campaign.steps):
        raise KeyFault("steps", "steps: can't use a pool; leave it out, so that each customer gets a code")


def _check_time_of_codes(campaign: Campaign) -> None:
    """Check `ahead:`, which needs a time known in advance, and `delete_after:`."""
    for step in campaign.steps:
        for key in ("ahead", "delete_after"):
            if step.codes is not None and getattr(step.codes, key) is not None:
                raise KeyFault("steps", f"{key}: belongs in the campaign's own codes:, not in a step's")
    if campaign.codes.ahead is None:
        return
    if campaign.when.on is not None or campaign.when.manual:
        raise KeyFault(
            "codes", "ahead: needs a schedule (cron:, at: or every:), whose times are known in advance"
        )
    if campaign.codes.shared is not None or campaign.codes.pool is not None:
        raise KeyFault("codes", "ahead: needs a code for each recipient; leave out shared: and pool:")


def _check_variants(campaign: Campaign) -> None:
    names = [variant.name for variant in campaign.variants]
    for index, variant in enumerate(campaign.variants):
        if variant.name in names[:index]:
            raise KeyFault("variants", f"two variants are called {variant.name}")
        if campaign.steps and variant.message is not None:
            raise KeyFault("variants", "in a flow, a variant can only change the offer")
        if variant.message is not None and campaign.message is None:
            raise KeyFault("variants", "there is no message: to change")
        if variant.offer is not None and not _offers(campaign):
            raise KeyFault("variants", "there is no offer: to change")


_NEEDS_PRODUCT = (
    "needs an event about a product for many people: back_in_stock, overstocked or low_stock; codes of one customer's event, "
    "like a favourite or a review, can't be for its product alone: name products or categories, or leave applies_to: out"
)


def _offers(campaign: Campaign) -> list[Offer]:
    offers = (campaign.offer, *(step.offer for step in campaign.steps))
    return [offer for offer in offers if offer is not None]
