"""The brand: who writes the e-mails of a shop, and how they look (`rules/brand.yaml`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.brand.colours import Colour, contrast, is_readable, readable_on
from tillroll.campaign.language.translations import Language
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.units import KeyFault

WEB_PATTERN = r"^https://[^\s<>\"'{}\\^`]+$"
MAILBOX_PATTERN = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{3,253}$"

WebAddress = Annotated[str, StringConstraints(max_length=2_000, pattern=WEB_PATTERN)]
"""An address on the web that begins with https."""

Mailbox = Annotated[str, StringConstraints(max_length=254, pattern=MAILBOX_PATTERN)]
"""An e-mail address."""

ByLanguage = dict[Language, Line]


class Font(StrEnum):
    """The kind of letters of all texts. Every device has both."""

    SERIF = "serif"  # like Georgia
    SANS = "sans"  # like Helvetica


class Logo(Block):
    """The picture at the head of each e-mail."""

    address: WebAddress = Field(
        description="Where the picture is on the web; mail programs load it from there.",
        examples=["https://shop.example/logo.png"],
    )
    alt: Line = Field(description="What is shown while the picture isn't loaded, usually the shop's name.")
    width: int = Field(default=160, ge=16, le=600, description="How wide it is shown, in pixels.")


class Colours(Block):
    """The colours of the e-mails. Those of texts must be readable; shades for the dark are made from them."""

    ink: Colour = Field(default="#2b2a27", description="Texts.")
    paper: Colour = Field(default="#ffffff", description="What the texts stand on.")
    page: Colour = Field(default="#f4f1ea", description="What is around the paper.")
    accent: Colour = Field(default="#31556b", description="Headings, links and buttons.")
    button_text: Colour = Field(default="#ffffff", description="The words on a button.")

    @model_validator(mode="after")
    def _are_readable(self) -> Self:
        for key, ink, on, paper in (
            ("ink", self.ink, "paper", self.paper),
            ("accent", self.accent, "paper", self.paper),
            ("button_text", self.button_text, "accent", self.accent),
        ):
            if not is_readable(ink, paper):
                raise KeyFault(
                    key,
                    f"{ink} on {paper} ({on}:) has a contrast of {contrast(ink, paper):.1f} to 1, and texts need 4.5 to 1 to be "
                    f"read; the nearest shade that can be is {readable_on(ink, paper)}",
                )
        return self


class FooterLink(Block):
    """A link at the end of each e-mail."""

    words: Line = Field(examples=["Imprint"])
    address: WebAddress


class Brand(Block):
    """Who writes the e-mails, and how they look. Templates show it with `{{ brand.… }}`."""

    name: Line | None = Field(
        default=None, description="The shop's name in e-mails. By default as the store has it."
    )
    postal_address: tuple[Line, ...] = Field(
        default=(),
        max_length=8,
        description="Where the shop can be reached by post, line by line. In the US and the EU the law asks for it in e-mails "
        "that advertise.",
        examples=[["Leaf & Kettle", "Teal Street 12", "1000 Ljubljana"]],
    )
    reason: ByLanguage = Field(
        default_factory=dict,
        description="Why somebody gets the e-mail, in each language. By default it says that they agreed to get it.",
        examples=[{"en": "You get this because you agreed to our e-mails."}],
    )
    unsubscribe: ByLanguage = Field(
        default_factory=dict,
        description="The words of the link that ends the e-mails, for languages other than the six that Tillroll knows.",
        examples=[{"hr": "Odjava"}],
    )
    logo: Logo | None = Field(
        default=None, description="By default the shop's name is shown in letters instead."
    )
    colours: Colours = Field(default=Colours(), description="The colours of texts, background and buttons.")
    font: Font = Font.SERIF
    links: tuple[FooterLink, ...] = Field(
        default=(), max_length=8, description="Links at the end of each e-mail: imprint, privacy, a shop."
    )
    count_clicks: bool = Field(
        default=False,
        description="Whether links to the shop (`{{ shop_link }}` and `| tracked`) lead through Tillroll, which counts once who "
        "opened which. Say so in your privacy statement.",
    )
    reply_to: Mailbox | None = Field(
        default=None,
        description="Where answers to the e-mails go. By default to the sender.",
        examples=["hello@shop.example"],
    )
