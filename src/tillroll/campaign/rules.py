"""How codes are built: the files under rules/codes/."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tillroll.campaign.models import Line, Words
from tillroll.campaign.units import KeyFault, Whole

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
