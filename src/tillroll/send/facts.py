"""What a template may use, and the two filters that write money and dates the store's way (Babel)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from tillroll.campaign import Campaign

EXAMPLE_CODE = "EXAMPLE-0000"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What messages know of the store."""

    name: str
    url: str
    email: str
    currency: str
    timezone: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads it."""

    email: str
    name: str
    first_name: str
    language: str
    country: str


def facts_for(
    *,
    shop: Shop,
    campaign: Campaign,
    offer_text: str,
    reader: Reader,
    code: str,
    valid_from: datetime,
    valid_until: datetime,
) -> dict[str, Any]:
    """The variables of one message; `campaign/` checks templates against the same names.

    `offer_text` is the sentence the plan was approved with.
    """
    offer = campaign.offer
    facts: dict[str, Any] = {
        "customer": {
            "first_name": reader.first_name,
            "name": reader.name,
            "email": reader.email,
            "language": reader.language,
            "country": reader.country,
        },
        "store": {"name": shop.name, "url": shop.url, "email": shop.email},
        "campaign": {"title": campaign.title},
    }
    if offer is not None:
        facts["code"] = {
            "text": code,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "value": offer.fixed_value,
            "minimum_subtotal": offer.minimum_subtotal,
        }
        facts["offer"] = {"kind": offer.kind.value, "value": offer.fixed_value, "text": offer_text}
    return facts


def filters_for(shop: Shop) -> Mapping[str, Callable[..., str]]:
    """`{{ 30 | money }}` and `{{ code.valid_until | date }}`, in the store's language and zone: a date in the reader's own
    language inside a sentence in the store's would read as a mistake."""
    zone, locale = ZoneInfo(shop.timezone), _locale(shop.language)

    def money(amount: Decimal | int | float | str) -> str:
        return format_currency(Decimal(str(amount)), shop.currency, locale=locale)

    def date(moment: datetime) -> str:
        return format_date(moment.astimezone(zone), format="long", locale=locale)

    return {"money": money, "date": date}


def _locale(tag: str) -> Locale:
    """The locale of a language tag, or English when Babel knows none."""
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
