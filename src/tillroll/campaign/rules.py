"""What the files under rules/ say besides segments: code formats, guardrails, the calendar."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.models import Line, Words
from tillroll.campaign.units import Day, KeyFault, Number, Whole

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O, U, so nothing looks like something else."""


class CodeFormat(Words):
    """How a code is built: prefix, then `length` drawn symbols, in groups if asked for."""

    title: Line
    alphabet: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{10,36}$")] = CROCKFORD
    length: Whole = Field(default=10, ge=4, le=64)
    group: Whole | None = Field(default=None, ge=2, le=16)  # symbols a group, parted by hyphens

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if len(set(self.alphabet)) != len(self.alphabet):
            raise KeyFault("alphabet", "a symbol is named twice")
        if not any(symbol.isalpha() for symbol in self.alphabet):
            raise KeyFault(
                "alphabet", "it needs letters: a code of digits alone can be mistaken for a coupon's number"
            )
        return self

    @property
    def bits(self) -> float:
        """Bits of chance in one code."""
        return self.length * math.log2(len(self.alphabet))


class Guardrails(Words):
    """The policy every plan is held to. Amounts are in the store's currency."""

    largest_percent: Number = Field(default=Decimal(50), gt=0, le=100)
    largest_amount: Number = Field(default=Decimal(100), gt=0)
    codes_per_run: Whole = Field(default=100_000, ge=1)
    worst_case_per_run: Number | None = Field(default=None, gt=0)
    worst_case_of_live_runs: Number | None = Field(default=None, gt=0)  # all campaigns of the store together
    largest_basket: Number = Field(
        default=Decimal(500), gt=0
    )  # what a percentage is taken of in the worst case
    largest_shipping: Number = Field(default=Decimal(20), gt=0)  # what free shipping costs in the worst case
    least_bits: float = Field(default=40.0, ge=20, le=256)  # chance in a code, so that it can't be guessed


class Calendar(Words):
    """Days on which no e-mail leaves, by the store's own date."""

    quiet_days: tuple[Day, ...] = ()
