"""Where changes of orders, codes and consent are pushed for a CRM (`rules/crm.yaml`)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from tillroll.campaign.text.block import LINE_PATTERN, Block
from tillroll.campaign.text.units import Duration, KeyFault, say_duration


class CrmKind(StrEnum):
    """What a CRM is told of."""

    ORDERS = "orders"
    CODES = "codes"
    REDEMPTIONS = "redemptions"
    TIERS = "tiers"
    CONSENT = "consent"


CRM_ERASURES = "erasures"
"""The kind of the events by which a CRM is told that somebody's data was erased: they need no `CrmKind` of the rules."""


class CrmEventState(StrEnum):
    """The state of a change that a CRM is told of."""

    WAITING = "waiting"  # to be told; or to be told again, after a pause
    LEAVING = "leaving"  # in the batch that leaves now: it may have been taken
    SENT = "sent"  # the receiver took it
    SET_ASIDE = "set_aside"  # the receiver refused it several times; not tried again until somebody says so


_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=365)


def _is_address(raw: str) -> str:
    try:
        parts = urlsplit(raw)
        plain = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        plain = False
    if not plain or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(
            "this is not an address; write it like https://crm.example/tillroll, without user name or query"
        )
    return raw.rstrip("/")


Webhook = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^https?://[A-Za-z0-9.:\[\]@-]+(/[!-~]*)?$"),
    AfterValidator(_is_address),
]
"""The address of a webhook."""


MergeTag = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,9}$")]
"""The tag of a Mailchimp field, as e-mails have it between `*|` and `|*`."""


class MailchimpRules(Block):
    """Which audience of Mailchimp has the customers, and which of its fields show a code."""

    audience: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{4,20}$")] = Field(
        description="The audience's ID, from its settings.", examples=["a1b2c3d4e5"]
    )
    code: MergeTag = Field(
        default="TILLCODE", description="The field for the code: of the type text.", examples=["TILLCODE"]
    )
    until: MergeTag | None = Field(
        default=None,
        description="The field for the code's last day, like 2026-12-24: of the type date or text.",
        examples=["TILLUNTIL"],
    )
    campaign: MergeTag | None = Field(
        default=None,
        description="The field for the campaign's name: of the type text.",
        examples=["TILLCAMP"],
    )

    @property
    def tags(self) -> tuple[str, ...]:
        """The fields that it uses."""
        return tuple(tag for tag in (self.code, self.until, self.campaign) if tag is not None)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.tags)) < len(self.tags):
            raise ValueError("code:, until: and campaign: need a field each")
        return self


def say_target(target: str) -> str:
    """Return where events go, of a webhook the host alone: the rest of its address may be a secret."""
    host = urlsplit(target).hostname if "://" in target else ""
    return host or target or "the receiver"


_TARGETS = ("webhook", "folder", "klaviyo", "mailchimp")


class CrmRules(Block):
    """Pushes each change of an order, a code, a redemption or a consent to a CRM, once and in order for each customer.

    One of `webhook`, `folder`, `klaviyo` and `mailchimp`. Without this file nothing is pushed."""

    webhook: Webhook | None = Field(
        default=None,
        description="Where batches are posted, signed with `CRM_SECRET`. `https://`, except to a sandbox's own machine.",
        examples=["https://crm.example/tillroll"],
    )
    folder: Annotated[str, StringConstraints(max_length=200, pattern=LINE_PATTERN)] | None = Field(
        default=None,
        description="The folder in `TILLROLL_HOME` in which batches are dropped as numbered JSONL files.",
        examples=["crm"],
    )
    klaviyo: bool = Field(
        default=False,
        strict=True,
        description="Whether Klaviyo is told of each customer's codes, with `KLAVIYO_KEY`.",
        examples=[True],
    )
    mailchimp: MailchimpRules | None = Field(
        default=None,
        description="Shows each customer's code in a field of a Mailchimp audience, with `MAILCHIMP_KEY`.",
    )
    what: tuple[CrmKind, ...] = Field(
        default=(CrmKind.ORDERS, CrmKind.CODES, CrmKind.REDEMPTIONS),
        min_length=1,
        max_length=5,
        description="What is pushed. One that is added later is pushed from the beginning. With `klaviyo` and `mailchimp`: "
        "`codes` alone, and that is the default.",
        examples=[["orders", "codes", "redemptions", "consent"]],
    )
    batch: int = Field(
        default=200, strict=True, ge=1, le=1_000, description="The most events in a batch.", examples=[200]
    )
    history: bool = Field(
        default=True,
        strict=True,
        description="Whether what the ledger knows already is pushed first. `false`: only what changes from now on.",
    )
    keep: Duration = Field(
        default=timedelta(days=30),
        description="How long pushed events are kept, so that `tillroll crm replay` can push them again.",
        examples=["30d"],
    )

    @field_validator("folder")
    @classmethod
    def _stays_at_home(cls, folder: str | None) -> str | None:
        parts = (folder or "").replace("\\", "/").split("/")
        if folder is not None and (not parts[0] or ":" in parts[0] or {"..", ".", ""} & set(parts)):
            raise ValueError(f"{folder!r} is not a folder in TILLROLL_HOME; write it like crm or exports/crm")
        return folder

    @field_validator("keep")
    @classmethod
    def _is_bounded(cls, length: timedelta) -> timedelta:
        if not _SHORTEST <= length <= _LONGEST:
            raise ValueError(f"{say_duration(length)} must be from 1d to 365d")
        return length

    @field_validator("what")
    @classmethod
    def _names_each_once(cls, kinds: tuple[CrmKind, ...]) -> tuple[CrmKind, ...]:
        if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
            raise ValueError(f"{twice.value} is named twice")
        return kinds

    @model_validator(mode="before")
    @classmethod
    def _tells_services_of_codes(cls, raw: Any) -> Any:
        """Make `codes` the default of `what` for a service that sends e-mails."""
        if (
            isinstance(raw, dict)
            and "what" not in raw
            and (raw.get("klaviyo") is True or raw.get("mailchimp"))
        ):
            return {**raw, "what": [CrmKind.CODES.value]}
        return raw

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        named = [name for name in _TARGETS if getattr(self, name)]
        if len(named) != 1:
            raise ValueError("give one of webhook:, folder:, klaviyo: true and mailchimp:")
        if self.is_service and self.what != (CrmKind.CODES,):
            raise KeyFault("what", f"{named[0]}: is told of codes alone; write  what: [codes]")
        return self

    @property
    def is_service(self) -> bool:
        """Whether it goes to a service that sends e-mails, rather than to a system that takes events."""
        return self.klaviyo or self.mailchimp is not None

    @property
    def target(self) -> str:
        """Where it goes, for people."""
        if self.klaviyo:
            return "Klaviyo"
        if self.mailchimp is not None:
            return f"Mailchimp audience {self.mailchimp.audience}"
        return self.webhook or f"folder {self.folder}"
