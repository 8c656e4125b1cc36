"""Amounts as people write them: `20`, `7.50`, or `EUR 20` with a currency, which must be the store's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, PlainValidator, WithJsonSchema

from tillroll.campaign.text.units import parse_decimal, show_value
from tillroll.campaign.text.written.habits import amount_meant, cap_meant, number_meant

_WITH_CURRENCY = re.compile(r"(?:([A-Z]{3})\s*([0-9.]+)|([0-9.]+)\s*([A-Z]{3}))")


class Money(Decimal):
    """An amount with a currency (ISO 4217)."""

    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """Return an amount in a currency."""
        money = cls(amount)
        money.currency = currency
        return money


def parse_amount(raw: Any) -> Decimal:
    """Parse `20` in the store's currency, or `EUR 20`, which only a store that sells in euros accepts."""
    if isinstance(raw, Money):
        return raw
    match = _WITH_CURRENCY.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is not None:
        return Money.of(parse_decimal(match[2] or match[3]), match[1] or match[4])
    try:
        return parse_decimal(raw)
    except ValueError:
        if isinstance(raw, str) and (lines := cap_meant(raw)):
            raise ValueError(f"{show_value(raw)}: write two keys, {lines}") from None
        if isinstance(raw, str) and "%" in raw:
            raise ValueError(
                f"{show_value(raw)}: write only the number, {number_meant(raw) or 'like 15'}"
            ) from None
        if isinstance(raw, str):
            problem = f"{show_value(raw)} is not an amount; write {amount_meant(raw) or 'it like 15, 7.50 or EUR 20'}"
            raise ValueError(problem) from None
        raise


class Percent(Decimal):
    """A number that was written with a percent sign."""


def parse_limit(raw: Any) -> Decimal:
    """Parse the limit of a value, which is a percentage or an amount as the value is: `20`, `20%` or `EUR 20`."""
    if isinstance(raw, Percent):
        return raw
    text = raw.strip() if isinstance(raw, str) else ""
    if text.endswith("%"):
        return Percent(parse_decimal(text[:-1]))
    return parse_amount(raw)


def parse_cap(raw: Any) -> Decimal:
    """Parse the amount that caps a percentage; a second percentage is refused."""
    if isinstance(raw, str) and "%" in raw:
        raise ValueError(
            f"{show_value(raw)} is no amount: at_most: is the most money that an order gets off, like 30 or EUR 30"
        )
    return parse_amount(raw)


_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": r"^\s*([A-Z]{3}\s*)?[0-9]+([.][0-9]+)?(\s*[A-Z]{3})?\s*$"},
        ]
    }
)
Amount = Annotated[Decimal, PlainValidator(parse_amount), _SCHEMA]
"""An amount in the store's currency, with or without the currency code."""

CapAmount = Annotated[Decimal, PlainValidator(parse_cap), _SCHEMA]
"""An amount that caps a percentage."""

Limit = Annotated[
    Decimal,
    PlainValidator(parse_limit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "pattern": r"^\s*([A-Z]{3}\s*)?[0-9]+([.][0-9]+)?(\s*([A-Z]{3}|%))?\s*$"},
            ]
        }
    ),
]
"""The limit of a value for each customer: a percentage with its sign, or an amount."""


def other_currencies(value: Any, store_currency: str, *, at: str = "") -> Iterator[str]:
    """Yield a sentence for every amount in a model whose currency is not the store's."""
    if isinstance(value, Money):
        if value.currency != store_currency:
            yield f"{at} is {value.currency} {value:f}, but the store sells in {store_currency}"
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            yield from other_currencies(getattr(value, name), store_currency, at=f"{at}.{key}" if at else key)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from other_currencies(item, store_currency, at=f"{at}[{index}]")


def smallest_unit(currency: str) -> Decimal:
    """Return the smallest amount of a currency that is paid: `0.01` of EUR, `1` of JPY, `0.001` of KWD (CLDR)."""
    from babel.numbers import get_currency_precision

    return Decimal(1).scaleb(-get_currency_precision(currency))


def say_money(amount: Decimal, currency: str) -> str:
    """Format an amount in English: `€1,234.50`. Without a currency, the plain number."""
    from babel.numbers import format_currency

    return format_currency(amount, currency, locale="en") if currency else f"{amount:f}"


def say_price(amount: Decimal, currency: str) -> str:
    """Format an amount without cents where it has none: `€20`, `€20.50`."""
    from babel.numbers import format_currency

    if currency and amount == amount.to_integral_value():
        return format_currency(amount, currency, "¤#,##0", locale="en", currency_digits=False)
    return say_money(amount, currency)
