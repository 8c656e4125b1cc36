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
from babel.numbers import format_currency, format_percent

from tillroll.campaign.folder.uses import BROUGHT
from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Offer

EXAMPLE_CODE = "EXAMPLE-0000"
_OF_EVENTS = frozenset().union(*BROUGHT.values())


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


@dataclass(frozen=True, kw_only=True)
class Code:
    """The code that a message shows, and what it gives."""

    text: str
    valid_from: datetime
    valid_until: datetime
    offer: Offer
    value: Decimal | None  # the reader's own, or the offer's
    offer_text: str  # the sentence the plan was approved with, about this reader's value


def facts_for(
    *, shop: Shop, title: str, reader: Reader, code: Code | None, happened: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The variables of one message; `campaign/` checks templates against the same names.

    `title` is the campaign's; `happened` are the facts of the event that the run is about.
    """
    facts: dict[str, Any] = {
        "customer": {
            "first_name": reader.first_name,
            "name": reader.name,
            "email": reader.email,
            "language": reader.language,
            "country": reader.country,
        },
        "store": {"name": shop.name, "url": shop.url, "email": shop.email},
        "campaign": {"title": title},
    }
    for name in _OF_EVENTS & (happened or {}).keys():
        facts[name] = (happened or {})[name]
    if code is not None:
        facts["code"] = {
            "text": code.text,
            "valid_from": code.valid_from,
            "valid_until": code.valid_until,
            "value": code.value,
            "minimum_subtotal": code.offer.minimum_subtotal,
        }
        facts["offer"] = {
            "kind": code.offer.kind.value,
            "value": code.value,
            "discount": _discount(code, shop),
            "text": code.offer_text,
        }
    return facts


def _discount(code: Code, shop: Shop) -> str:
    """What the code takes off, in as few words as a subject line has room for: `10% off and free shipping`."""
    locale, kind, parts = _locale(shop.language), code.offer.kind, []
    if code.value is not None and kind in PERCENT_KINDS:
        share = format_percent(code.value / 100, locale=locale, decimal_quantization=False)
        parts.append(f"{share} off")
    if code.value is not None and kind in AMOUNT_KINDS:
        parts.append(f"{_amount(code.value, shop.currency, locale)} off")
    if kind in SHIPPING_KINDS:
        parts.append("free shipping")
    return " and ".join(parts)


def _amount(amount: Decimal, currency: str, locale: Locale) -> str:
    """`€10`, and `€10.50`: cents are only said where there are any."""
    pattern = locale.currency_formats["standard"].pattern
    if amount == amount.to_integral_value():
        return format_currency(
            amount, currency, pattern.replace(".00", ""), locale=locale, currency_digits=False
        )
    return format_currency(amount, currency, locale=locale)


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
