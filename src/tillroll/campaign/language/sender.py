"""What the mail providers expect of a sender: few e-mails at first, more each day, and not too many to one of them at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from tillroll.campaign.text.block import Block
from tillroll.campaign.text.units import KeyFault, Pacing, Rate, Whole, parse_decimal, show_value

_DOMAIN = r"[a-z0-9-]+(\.[a-z0-9-]+)+"
DEFAULT_DOMAIN = "default"
"""Stands for each domain that has no rate of its own."""


def parse_growth(raw: object) -> Decimal:
    """Parse `50%` to 0.5; above 0% and up to 300%."""
    if isinstance(raw, Decimal):
        return raw
    text = raw.strip() if isinstance(raw, str) else ""
    if not text.endswith("%"):
        raise ValueError(f"{show_value(raw)} is not a growth; write it like 50%")
    growth = parse_decimal(text[:-1]) / 100
    if not Decimal("0.01") <= growth <= 3:
        raise ValueError(f"{show_value(raw)} must be from 1% to 300%")
    return growth


Growth = Annotated[
    Decimal,
    BeforeValidator(parse_growth),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]{1,3}([.][0-9]+)?\s*%\s*$"}),
]


class RampUp(Block):
    """How many e-mails a new sender sends a day, over all campaigns and stores; days are those of UTC."""

    start: Whole = Field(ge=1, description="E-mails on the first day.", examples=[500])
    grows: Growth = Field(
        description="How many more than on the best of the last 30 days may leave on a day.", examples=["50%"]
    )
    until: Whole = Field(
        ge=2,
        description="From a day on which so many left there is no limit.",
        examples=[20000],
    )

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.until <= self.start:
            raise KeyFault("until", f"until: must be above start: ({self.start}), or nothing ever grows")
        return self


def parse_domain(raw: object) -> str:
    """Parse the domain of addresses, like `gmail.com`, or `default`."""
    domain = raw.strip().lower().removeprefix("@") if isinstance(raw, str) else ""
    if domain != DEFAULT_DOMAIN and not re.fullmatch(_DOMAIN, domain):
        raise ValueError(
            f"{show_value(raw)} is not the domain of an address; write it like gmail.com, or default"
        )
    return domain


MailDomain = Annotated[
    str,
    BeforeValidator(parse_domain),
    WithJsonSchema({"type": "string", "pattern": rf"^({DEFAULT_DOMAIN}|{_DOMAIN})$"}),
]

DomainRates = dict[MailDomain, Rate]


def rate_of_domain(rates: Mapping[str, Pacing], domain: str) -> Pacing | None:
    """Return the highest rate to a domain; None: there is no limit."""
    return rates.get(domain) or rates.get(DEFAULT_DOMAIN)
