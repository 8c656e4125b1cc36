"""Personal data: how long it is kept (`rules/privacy.yaml`), and how people agree to e-mails (`rules/consent.yaml`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tillroll.campaign.language.message import Subjects
from tillroll.campaign.language.translations import Language
from tillroll.campaign.text.block import LINE_PATTERN, Block, Line, Name
from tillroll.campaign.text.units import KeyFault, Period, say_duration

_SHORTEST = timedelta(days=30)


class PrivacyRules(Block):
    """What is forgotten by itself, and when. Without this file nothing is."""

    recipients: Period | None = Field(
        default=None,
        description="How long after a run's end Tillroll keeps the names and addresses of those it wrote to. Its sums stay.",
        examples=["730d"],
    )

    @field_validator("recipients")
    @classmethod
    def _is_not_short(cls, length: timedelta | None) -> timedelta | None:
        if length is not None and length < _SHORTEST:
            raise ValueError(
                f"{say_duration(length)} is too short: somebody may still ask what they got; give at least 30d"
            )
        return length


_LONGEST = timedelta(days=30)

AgreedText = Annotated[str, StringConstraints(min_length=10, max_length=600, pattern=LINE_PATTERN)]
"""What somebody agrees to, in one paragraph."""

Site = Annotated[str, StringConstraints(max_length=200, pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
"""The beginning of a site's addresses: https, and its name."""


class Confirmation(Block):
    """The e-mail of double opt-in. Its template shows `{{ confirm_link }}`, and advertises nothing."""

    template: Name = Field(description="A folder in templates/.")
    subject: Line = Field(examples=["Please confirm that you want our e-mails"])
    language: Language | None = Field(
        default=None,
        description="The language of subject: and of message.mjml.j2. By default the store's.",
        examples=["en"],
    )
    subjects: Subjects = Field(default_factory=dict)
    valid: Period = Field(default=timedelta(days=3), description="How long its link works.", examples=["3d"])

    @field_validator("valid")
    @classmethod
    def _is_a_while(cls, length: timedelta) -> timedelta:
        if not timedelta(hours=1) <= length <= _LONGEST:
            raise ValueError(f"{say_duration(length)} is no sensible time; give 1h to 30d")
        return length


class ConsentRules(Block):
    """How people agree to e-mails. Without this file there is no sign-up form."""

    sign_up: bool = Field(
        default=False,
        description="Whether people can sign up for e-mails: on the page /signup/STORE, and by a form in the storefront.",
    )
    double_opt_in: bool = Field(
        default=False,
        description="Whether whoever signs up gets an e-mail first and nothing else before they have clicked the link in it.",
    )
    texts: dict[Language, AgreedText] = Field(
        default_factory=dict,
        description="What people agree to, beside the box to tick, in each language; {shop} is the shop's name. In the six "
        "languages that Tillroll knows there is a text already. Every version is kept.",
        examples=[{"en": "Yes, {shop} may send me news and offers by e-mail. I can end that at any time."}],
    )
    sites: tuple[Site, ...] = Field(
        default=(),
        max_length=20,
        description="Sites besides the store's own that may show the form.",
        examples=[["https://shop.example"]],
    )
    confirmation: Confirmation | None = Field(default=None, description="The e-mail of double opt-in.")

    @model_validator(mode="after")
    def _can_confirm(self) -> Self:
        if self.double_opt_in and self.confirmation is None:
            raise KeyFault("double_opt_in", "there is no e-mail to confirm with; add confirmation:")
        return self
