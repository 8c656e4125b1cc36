"""What an offer gives and asks for is said in each language of the starter e-mails, from the offer itself."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tillroll.campaign.language.models import AllowedCustomers, Offer, OfferKind, Uses
from tillroll.campaign.sentences.offer_words import WORDS
from tillroll.rendering.facts import CodeFacts, RecipientFacts, StoreFacts, facts_for

LAST_SECOND = datetime(2026, 12, 7, 22, 59, 59, tzinfo=UTC)  # the end of 7 December in Ljubljana
READER = RecipientFacts(email="a@mail.example", name="", first_name="", language="", country="")


def said(
    language: str, *, goods: str = "", value: Decimal | None = Decimal(15), **offer: Any
) -> tuple[str, str]:
    """Return the discount and the conditions as an e-mail says them."""
    figure = {} if value is None else {"value": value}
    model = Offer.model_validate({"kind": "percent", **figure, "valid": {"for": "14d"}, **offer})
    shop = StoreFacts(
        name="", url="", email="", currency="EUR", timezone="Europe/Ljubljana", language=language
    )
    code = CodeFacts(
        text="X",
        valid_from=None,
        valid_until=LAST_SECOND,
        offer=model,
        value=value,
        offer_text="",
        goods=goods,
    )
    shown = facts_for(shop=shop, title="", reader=READER, code=code)["offer"]
    return tuple(" ".join(shown[name].split()) for name in ("discount", "conditions"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("language", "discount", "conditions"),
    [
        (
            "en",
            "15% off",
            "Valid until December 7, 2026. For orders of €30 or more. Applies to: Tea. Can be used once.",
        ),
        (
            "en-GB",
            "15% off",
            "Valid until 7 December 2026. For orders of €30 or more. Applies to: Tea. Can be used once.",
        ),
        (
            "de",
            "15 % Rabatt",
            "Gültig bis 7. Dezember 2026. Ab einem Bestellwert von 30 €. Gilt für: Tea. Einmal einlösbar.",
        ),
        (
            "fr",
            "15 % de réduction",
            "Valable jusqu’au 7 décembre 2026. À partir de 30 € d’achat. Valable sur : Tea. Utilisable une seule fois.",
        ),
        (
            "it",
            "15% di sconto",
            "Scadenza: 7 dicembre 2026. Per ordini a partire da 30 €. Valido su: Tea. Utilizzabile una sola volta.",
        ),
        (
            "es",
            "15 % de descuento",
            "Válido hasta el 7 de diciembre de 2026. En pedidos a partir de 30 €. Válido en: Tea. Se puede usar una sola vez.",
        ),
        (
            "sl",
            "15 % popusta",
            "Zadnji dan veljavnosti: 7. december 2026. Za naročila od 30 € naprej. Velja za: Tea. Uporabite jo lahko enkrat.",
        ),
    ],
)
def test_an_offer_is_said_in_a_language(language: str, discount: str, conditions: str) -> None:
    assert said(language, goods="Tea", minimum_subtotal=30, uses="single") == (discount, conditions)


def test_free_shipping_is_for_the_whole_order() -> None:
    discount, conditions = said("de", kind="percent_and_shipping", goods="Tee")
    assert discount == "15 % Rabatt und kostenloser Versand"
    assert "Der Rabatt gilt für: Tee." in conditions
    assert said("fr", kind="free_shipping", value=None) == (
        "livraison offerte",
        "Valable jusqu’au 7 décembre 2026. Utilisable une seule fois.",
    )
    assert said("it", kind="amount", value=Decimal("7.50"))[0] == "7,50 € di sconto"


@pytest.mark.parametrize("language", sorted(WORDS))
def test_no_language_lacks_a_condition(language: str) -> None:
    words = WORDS[language]
    assert words.customers.keys() == {*AllowedCustomers} - {AllowedCustomers.ANY}
    assert words.uses.keys() == {*Uses} - {Uses.UNLIMITED}
    for kind in OfferKind:
        value = None if kind is OfferKind.FREE_SHIPPING else Decimal(5)
        assert said(language, kind=kind.value, value=value)[0]
