"""The variables that a template may use, and the filters that format money and dates (Babel)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.tracked import tracked
from tillroll.campaign.brand.words import brand_facts
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.events.event import EVENT_VARIABLES
from tillroll.campaign.language.models import Offer
from tillroll.campaign.sentences.offer_words import say_conditions, say_discount
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.text.zones import zone_of
from tillroll.rendering.bulk.click import ShopClicks
from tillroll.rendering.bulk.link import EXAMPLE_LINK
from tillroll.rendering.last_moment import LastMoment, say_last_moment
from tillroll.rendering.pictures.inline import BARCODE_ADDRESS, QR_ADDRESS

EXAMPLE_CODE = "EXAMPLE-0000"
_MOST_DIGITS = 20  # of an amount


@dataclass(frozen=True, kw_only=True)
class StoreFacts:
    """What an e-mail can show of the store."""

    name: str
    url: str
    email: str
    currency: str
    timezone: str
    language: str
    brand: Mapping[str, Any] = field(
        default_factory=lambda: brand_facts(Brand(), language="en", store_name="")
    )  # in the language of the e-mail

    campaign: str = ""  # whose name the links of the e-mail say
    clicks: ShopClicks | None = None  # the links count who opens them

    def of_email(self, brand: Brand, language: str, campaign: str) -> StoreFacts:
        """Return the store as a campaign's e-mail in a language shows it."""
        shown = brand_facts(brand, language=language, store_name=self.name)
        clicks = self.clicks if brand.count_clicks else None
        return replace(self, language=language, brand=shown, campaign=campaign, clicks=clicks)

    def tracked(self, address: str) -> str:
        """Return a link that says which campaign it comes from, and if the shop wants it, counts who opens it."""
        if self.clicks is not None:
            counted = self.clicks.counted(address, campaign=self.campaign, shop_url=self.url)
            if counted is not None:
                return counted
        return tracked(address, self.campaign)


@dataclass(frozen=True, kw_only=True)
class RecipientFacts:
    """What an e-mail can show of its recipient."""

    email: str
    name: str
    first_name: str
    language: str
    country: str


@dataclass(frozen=True, kw_only=True)
class CodeFacts:
    """The code that an e-mail shows, and what it gives."""

    text: str
    valid_from: datetime | None
    valid_until: datetime | None
    offer: Offer
    value: Decimal | None  # of the discount: the recipient's own, or the offer's
    offer_text: str  # the sentence that the plan was approved with, with this recipient's value
    goods: str = ""  # what the offer is limited to, by the store's names; empty: nothing


def facts_for(
    *,
    shop: StoreFacts,
    title: str,
    reader: RecipientFacts,
    code: CodeFacts | None,
    event: Mapping[str, Any] | None = None,
    unsubscribe_link: str = EXAMPLE_LINK,
) -> dict[str, Any]:
    """Return the variables of one e-mail. `campaign/` checks templates against the same names.

    `title` is the campaign's, `reader` the recipient, and `event` has the facts of the event that the run is about.
    Without an `unsubscribe_link`, which each e-mail that leaves has, there is an example.
    """
    common = common_facts(shop=shop, title=title, code=code, event=event)
    text = code.text if code is not None else ""
    return reader_facts(common, reader, code=text, unsubscribe_link=unsubscribe_link)


def reader_facts(
    common: Mapping[str, Any], reader: RecipientFacts | Recipient, *, code: str, unsubscribe_link: str
) -> dict[str, Any]:
    """Return the variables of one e-mail: those that all e-mails with the same terms have, and those of its reader."""
    facts = {
        **common,
        "customer": {
            "first_name": reader.first_name,
            "name": reader.name,
            "email": reader.email,
            "language": reader.language,
            "country": reader.country,
        },
        "unsubscribe_link": unsubscribe_link,
    }
    if "code" in common:
        facts["code"] = {"text": code, **common["code"]}
    return facts


def common_facts(
    *, shop: StoreFacts, title: str, code: CodeFacts | None, event: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the variables that are the same for all readers whose codes have the same terms, whatever their texts are."""
    facts: dict[str, Any] = {
        "store": {"name": shop.name, "url": shop.url, "email": shop.email},
        "campaign": {"title": title},
        "brand": shop.brand,
        "shop_link": shop.tracked(shop.url),
    }
    for name in EVENT_VARIABLES.keys() & (event or {}).keys():
        facts[name] = (event or {})[name]
    if "cart" in facts:
        facts["cart"] = {**facts["cart"], "url": cart_link(shop.url, facts["cart"].get("goods", ()))}
    if "product" in facts:  # a product that was never read from the store has no page
        facts["product"] = {**facts["product"], "url": facts["product"].get("url") or shop.url}
    if code is not None:
        facts |= _facts_of(code, shop)
    return facts


def _facts_of(code: CodeFacts, shop: StoreFacts) -> dict[str, Any]:
    """Return the variables `code` and `offer`."""
    return {
        "code": {
            "valid_from": code.valid_from,
            "valid_until": LastMoment.of(code.valid_until) if code.valid_until is not None else None,
            "value": code.value,
            "minimum_subtotal": code.offer.minimum_subtotal,
            "qr": QR_ADDRESS,
            "barcode": BARCODE_ADDRESS,
        },
        "offer": {
            "kind": code.offer.kind.value,
            "value": code.value,
            "text": code.offer_text,
            **_say_offer(code, shop),
        },
    }


def cart_link(storefront: str, goods: Sequence[Mapping[str, Any]]) -> str:
    """Return a link that fills a cart with these goods (dossier section 1.8); the storefront's own without any."""
    lines = [
        {"id": good["id"], "quantity": good["quantity"], "options": good.get("options") or {}}
        for good in goods
        if good.get("id")
    ]
    if not lines or not storefront:
        return storefront
    wanted = json.dumps({"products": lines}, ensure_ascii=False, separators=(",", ":"))
    return f"{storefront.rstrip('/')}#!/~/cart/create={quote(wanted, safe='')}"


def _say_offer(code: CodeFacts, shop: StoreFacts) -> dict[str, str]:
    """Say what the code gives and what it asks for, in the language of the e-mail."""
    locale = _locale(shop.language)
    end = code.valid_until
    until = say_last_moment(end, zone_of(shop.timezone), locale) if end is not None else ""

    def percent(value: Decimal) -> str:
        return say_percent(value, locale)

    def money(value: Decimal) -> str:
        return _amount(value, shop.currency, locale)

    return {
        "discount": say_discount(code.offer, code.value, shop.language, percent=percent, money=money),
        "conditions": say_conditions(code.offer, shop.language, until=until, goods=code.goods, money=money),
    }


def _amount(amount: Decimal, currency: str, locale: Locale) -> str:
    """Format an amount, with cents only where there are any: `€10`, `€10.50`."""
    pattern = locale.currency_formats["standard"].pattern
    if amount == amount.to_integral_value():
        return format_currency(
            amount, currency, pattern.replace(".00", ""), locale=locale, currency_digits=False
        )
    return format_currency(amount, currency, locale=locale)


def filters_for(shop: StoreFacts) -> Mapping[str, Callable[..., str]]:
    """Return the filters `money` and `date`: `{{ 30 | money }}`, `{{ code.valid_until | date }}`.

    `shop.language` is that of the sentence around them, so that no German date stands in an English e-mail.
    """
    zone, locale = zone_of(shop.timezone), _locale(shop.language)

    @lru_cache(maxsize=512, typed=True)  # most e-mails of a run show the same
    def money(amount: Decimal | int | float | str) -> str:
        number = Decimal(str(amount))
        if not number.is_finite() or number.adjusted() > _MOST_DIGITS:
            raise ValueError("it is not an amount of money")
        return format_currency(number, shop.currency, locale=locale)

    @lru_cache(maxsize=512, typed=True)  # the end of a code equals a moment that isn't one
    def date(moment: datetime) -> str:
        if isinstance(moment, LastMoment):
            return say_last_moment(moment, zone, locale)
        return format_date(moment.astimezone(zone), format="long", locale=locale)

    def with_campaign(address: str) -> str:
        return shop.tracked(str(address))

    return {"money": money, "date": date, "tracked": with_campaign}


def known_language(tag: str) -> str:
    """Return a language's tag in its usual spelling; empty if amounts and dates can't be written in it."""
    locale = _known_locale(tag)
    return str(locale).replace("_", "-") if locale is not None else ""


def _locale(tag: str) -> Locale:
    """Return the locale of a language tag, or English if Babel doesn't know it."""
    return _known_locale(tag) or Locale("en")


@lru_cache(maxsize=1024)
def _known_locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return None
