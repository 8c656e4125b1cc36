"""What an offer gives and asks for, in the languages of the starter e-mails: `offer.discount` and `offer.conditions`. Pure.

Dates and lists of goods stand after a colon or at an end, where no language changes their form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tillroll.campaign.language.models import (
    AMOUNT_KINDS,
    PERCENT_KINDS,
    SHIPPING_KINDS,
    AllowedCustomers,
    Offer,
    Uses,
)


@dataclass(frozen=True, kw_only=True)
class OfferWords:
    """The words of one language; `{}` is the figure, the date or the goods."""

    off: str
    shipping: str
    both: str  # a discount, and free shipping
    until: str
    minimum: str
    goods: str
    shipping_goods: str  # the same for free shipping with a discount, which is for the whole order
    uses: Mapping[Uses, str]
    customers: Mapping[AllowedCustomers, str]


WORDS: Mapping[str, OfferWords] = {
    "en": OfferWords(
        off="{} off",
        shipping="free shipping",
        both="{} and {}",
        until="Valid until {}.",
        minimum="For orders of {} or more.",
        goods="Applies to: {}.",
        shipping_goods="The discount applies to: {}.",
        uses={Uses.SINGLE: "Can be used once.", Uses.ONCE_PER_CUSTOMER: "Can be used once per customer."},
        customers={
            AllowedCustomers.NEW: "For your first order only.",
            AllowedCustomers.REPEAT: "For customers who have ordered before.",
        },
    ),
    "de": OfferWords(
        off="{} Rabatt",
        shipping="kostenloser Versand",
        both="{} und {}",
        until="Gültig bis {}.",
        minimum="Ab einem Bestellwert von {}.",
        goods="Gilt für: {}.",
        shipping_goods="Der Rabatt gilt für: {}.",
        uses={Uses.SINGLE: "Einmal einlösbar.", Uses.ONCE_PER_CUSTOMER: "Einmal pro Kunde einlösbar."},
        customers={
            AllowedCustomers.NEW: "Nur für Ihre erste Bestellung.",
            AllowedCustomers.REPEAT: "Für alle, die schon einmal bestellt haben.",
        },
    ),
    "fr": OfferWords(
        off="{} de réduction",
        shipping="livraison offerte",
        both="{} et {}",
        until="Valable jusqu’au {}.",
        minimum="À partir de {} d’achat.",
        goods="Valable sur : {}.",
        shipping_goods="La réduction est valable sur : {}.",
        uses={
            Uses.SINGLE: "Utilisable une seule fois.",
            Uses.ONCE_PER_CUSTOMER: "Utilisable une seule fois par client.",
        },
        customers={
            AllowedCustomers.NEW: "Pour votre première commande uniquement.",
            AllowedCustomers.REPEAT: "Réservé aux clients ayant déjà commandé.",
        },
    ),
    "it": OfferWords(
        off="{} di sconto",
        shipping="spedizione gratuita",
        both="{} e {}",
        until="Scadenza: {}.",
        minimum="Per ordini a partire da {}.",
        goods="Valido su: {}.",
        shipping_goods="Lo sconto è valido su: {}.",
        uses={
            Uses.SINGLE: "Utilizzabile una sola volta.",
            Uses.ONCE_PER_CUSTOMER: "Utilizzabile una sola volta per cliente.",
        },
        customers={
            AllowedCustomers.NEW: "Solo per il tuo primo ordine.",
            AllowedCustomers.REPEAT: "Riservato a chi ha già ordinato.",
        },
    ),
    "es": OfferWords(
        off="{} de descuento",
        shipping="envío gratis",
        both="{} y {}",
        until="Válido hasta el {}.",
        minimum="En pedidos a partir de {}.",
        goods="Válido en: {}.",
        shipping_goods="El descuento es válido en: {}.",
        uses={
            Uses.SINGLE: "Se puede usar una sola vez.",
            Uses.ONCE_PER_CUSTOMER: "Se puede usar una sola vez por cliente.",
        },
        customers={
            AllowedCustomers.NEW: "Solo para tu primer pedido.",
            AllowedCustomers.REPEAT: "Solo para quienes ya han hecho un pedido.",
        },
    ),
    "sl": OfferWords(
        off="{} popusta",
        shipping="brezplačna dostava",
        both="{} in {}",
        until="Zadnji dan veljavnosti: {}.",
        minimum="Za naročila od {} naprej.",
        goods="Velja za: {}.",
        shipping_goods="Popust velja za: {}.",
        uses={
            Uses.SINGLE: "Uporabite jo lahko enkrat.",
            Uses.ONCE_PER_CUSTOMER: "Vsak kupec jo lahko uporabi enkrat.",
        },
        customers={
            AllowedCustomers.NEW: "Samo za prvo naročilo.",
            AllowedCustomers.REPEAT: "Za kupce, ki so pri nas že naročili.",
        },
    ),
}
"""By language. Other languages get English words, and `check` warns of them."""

Amounts = Callable[[Decimal], str]
"""Writes a figure of the offer in the way of a language."""


def words_of(language: str) -> OfferWords:
    """Return the words of a language, of which `de-AT` is a form; the English ones if there are none of its own."""
    return WORDS.get(language.partition("-")[0].lower(), WORDS["en"])


def has_words(language: str) -> bool:
    """Whether there are words of a language."""
    return language.partition("-")[0].lower() in WORDS


def say_discount(
    offer: Offer, value: Decimal | None, language: str, *, percent: Amounts, money: Amounts
) -> str:
    """Return what a code takes off, short enough for a subject line: `10% off and free shipping`."""
    words, parts = words_of(language), []
    if value is not None and offer.kind in PERCENT_KINDS:
        parts.append(words.off.format(percent(value)))
    if value is not None and offer.kind in AMOUNT_KINDS:
        parts.append(words.off.format(money(value)))
    if offer.kind in SHIPPING_KINDS:
        parts.append(words.shipping)
    return words.both.format(*parts) if len(parts) == 2 else "".join(parts)


def say_conditions(offer: Offer, language: str, *, until: str, goods: str, money: Amounts) -> str:
    """Return what a code asks for, in short sentences: its last day, its goods and more. `until` and `goods` may be empty."""
    return " ".join(_conditions(offer, words_of(language), until, goods, money))


def _conditions(offer: Offer, words: OfferWords, until: str, goods: str, money: Amounts) -> Iterator[str]:
    if until:
        yield words.until.format(until)
    if offer.minimum_subtotal:
        yield words.minimum.format(money(offer.minimum_subtotal))
    if goods:
        yield (words.shipping_goods if offer.kind in SHIPPING_KINDS else words.goods).format(goods)
    if offer.customers in words.customers:
        yield words.customers[offer.customers]
    if offer.uses in words.uses:
        yield words.uses[offer.uses]
