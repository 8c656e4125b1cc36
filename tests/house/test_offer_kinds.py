"""Every offer kind is complete: a plan can compute its cost, say it in words, and mint it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, SHIPPING_KINDS, Offer, OfferKind
from tillroll.campaign.sentences.offers import say_offer
from tillroll.mint.coupon import DISCOUNT_TYPES


@pytest.mark.parametrize("kind", OfferKind)
def test_an_offer_kind_costs_something(kind: OfferKind) -> None:
    """A kind in none of the sets would cost nothing in every plan, and no guardrail would apply to it."""
    assert kind in PERCENT_KINDS | AMOUNT_KINDS | SHIPPING_KINDS


@pytest.mark.parametrize("kind", OfferKind)
def test_an_offer_kind_has_a_sentence_and_a_type_in_the_store(kind: OfferKind) -> None:
    value = Decimal(10) if kind in PERCENT_KINDS | AMOUNT_KINDS else None
    offer = Offer.model_validate({"kind": kind, "value": value, "valid": {"for": "14d"}})
    assert say_offer(offer, "EUR")
    assert DISCOUNT_TYPES[kind]
