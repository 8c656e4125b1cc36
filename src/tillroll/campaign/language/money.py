"""Amounts as people write them: `20`, `7.50`, or with the currency, `EUR 20`, which is held against the store's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, PlainValidator, WithJsonSchema

from tillroll.campaign.text.units import parse_decimal, shown

_WITH_CURRENCY = re.compile(r"(?:([A-Z]{3})\s*([0-9.]+)|([0-9.]+)\s*([A-Z]{3}))")


class Money(Decimal):
    """An amount that says its currency (ISO 4217)."""

    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """The amount in that currency."""
        found = cls(amount)
        found.currency = currency
        return found


def parse_amount(raw: Any) -> Decimal:
    """`20` in whatever the store's currency is, or `EUR 20`, which only a store that sells in euros may take."""
    if isinstance(raw, Money):
        return raw
    match = _WITH_CURRENCY.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is not None:
        return Money.of(parse_decimal(match[2] or match[3]), match[1] or match[4])
    try:
        return parse_decimal(raw)
    except ValueError:
        if isinstance(raw, str) and raw.strip().endswith("%"):
            raise ValueError(f"{shown(raw)}: write the number alone, like 15") from None
        if isinstance(raw, str):
            problem = f"{shown(raw)} is not an amount; write it like 15, 7.50 or EUR 20"
            raise ValueError(problem) from None
        raise


Amount = Annotated[
    Decimal,
    PlainValidator(parse_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "pattern": r"^\s*([A-Z]{3}\s*)?[0-9]+([.][0-9]+)?(\s*[A-Z]{3})?\s*$"},
            ]
        }
    ),
]
"""Money in the store's currency, which may be said."""


def other_currencies(words: Any, store_currency: str, *, at: str = "") -> Iterator[str]:
    """Every amount in a model that says another currency than the store's, as a sentence."""
    if isinstance(words, Money):
        if words.currency != store_currency:
            yield f"{at} says {words.currency} {words:f}, and the store sells in {store_currency}"
    elif isinstance(words, BaseModel):
        for name, field in type(words).model_fields.items():
            key = field.alias or name
            yield from other_currencies(getattr(words, name), store_currency, at=f"{at}.{key}" if at else key)
    elif isinstance(words, tuple):
        for index, one in enumerate(words):
            yield from other_currencies(one, store_currency, at=f"{at}[{index}]")
