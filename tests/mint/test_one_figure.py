"""Coupon, e-mail, plan and ledger hold one figure, whatever the kind of offer and the currency."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from babel.numbers import list_currencies, parse_decimal
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from tests.shop import NOW
from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.language.models import Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.money import smallest_unit
from tillroll.ecwid.endpoints.coupons import coupon_body
from tillroll.ledger.records import Run
from tillroll.ledger.tables.types import Amount
from tillroll.mint.coupon import DISCOUNT_TYPES, CouponPattern, pattern_for
from tillroll.rendering.facts import CodeFacts, RecipientFacts, StoreFacts, facts_for, filters_for
from tillroll.rendering.preview import without_zeros

CURRENCIES = sorted(list_currencies())
LANGUAGES = ("en", "de", "fr", "it", "es", "sl", "pt-BR", "ja")
READER = RecipientFacts(email="ana@customer.example", name="Ana", first_name="Ana", language="", country="")
RUN = replace(
    Run(**{field.name: None for field in fields(Run)}), id=7, valid_from=NOW, valid_until=NOW, step=1
)

FORMULAS = ("average_order / 7", "round(average_order / 7)", "min(0.15 * cart_total, 30)", "spent * 0.0333")
STEPS: tuple[dict[str, str], ...] = (
    {},
    *({"step": step} for step in ("0.01", "0.05", "0.25", "0.3", "1", "5")),
)
OFFERS: Mapping[str, dict[str, Any]] = {
    "percent": {"kind": "percent", "value": "12.5"},
    "percent by formula": {
        "kind": "percent",
        "value": {"formula": "spent / 7", "at_most": "33.33%", "step": "0.3"},
    },
    "percent by table": {
        "kind": "percent_and_shipping",
        "value": {
            "table": {"by": "spent", "rows": [{"from": 0, "value": 5}, {"from": 500, "value": "7.25"}]}
        },
    },
    "amount": {"kind": "amount", "value": 7},
    "amount by table": {
        "kind": "amount_and_shipping",
        "value": {"table": {"by": "spent", "rows": [{"from": 0, "value": 5}, {"from": 500, "value": 9}]}},
    },
    **{
        f"amount by {formula}, {step or 'no step'}": {
            "kind": "amount",
            "value": {"formula": formula, "at_most": 9000, **step},
        }
        for formula in FORMULAS
        for step in STEPS
    },
    "free shipping": {"kind": "free_shipping"},
    "capped": {"kind": "percent", "value": 15, "at_most": 30},
    "capped, for all": {"kind": "percent", "value": 15, "at_most": 30, "usual_basket": 40},
    "capped, with shipping": {"kind": "percent_and_shipping", "value": "7.5", "at_most": 9},
    "capped by a large amount": {"kind": "percent", "value": "33.3", "at_most": 250_000},
    "capped low": {"kind": "percent", "value": 3, "at_most": 1},
}
MONEY = st.decimals(min_value=0, max_value=300_000, places=4)
FIGURES = st.fixed_dictionaries(
    {}, optional={"average_order": MONEY, "spent": MONEY, "cart_total": MONEY, "orders": MONEY}
)


def kept(value: Decimal | None) -> Decimal | None:
    """Return an amount as the ledger gives it back."""
    column, dialect = Amount(), sqlite.dialect()
    return column.process_result_value(column.process_bind_param(value, dialect), dialect)


def read(text: str, language: str) -> list[Decimal]:
    """Return the numbers that a reader finds in a text."""
    found = re.findall(r"\d[\d.,'’\u00a0\u202f]*", text)
    return [
        parse_decimal(each.rstrip(".,'’\u00a0\u202f"), locale=language.replace("-", "_")) for each in found
    ]


def pattern_of(offer: Offer, currency: str) -> CouponPattern:
    return pattern_for(title="One", offers={"": offer}, goods={"": Goods()}, currency=currency, run=RUN)


def check_one_figure(
    offer: Offer, currency: str, figures: Mapping[str, Decimal], language: str, *, for_all: bool = False
) -> None:
    """Assert that everything that shows the offer for one customer shows the coupon's figures."""
    unit = smallest_unit(currency)
    if any(offer.too_fine(unit)):
        return  # the plan is refused
    own = (offer.per_customer is not None or offer.at_most is not None) and not for_all
    value = offer.value_for(figures, unit) if own else None
    if own and value is None:
        return  # too little for a code
    code = SimpleNamespace(code="A", arm="", value=kept(value), valid_from=None, valid_until=None)
    assert code.value == value
    body = json.loads(json.dumps(coupon_body(pattern_of(offer, currency).request(code))))
    off, least = Decimal(str(body["discount"])), Decimal(str(body.get("totalLimit", 0)))
    applied = offer.applied(without_zeros(code.value) if code.value is not None else None, unit)
    assert body["discountType"] == DISCOUNT_TYPES[applied.kind]
    assert (applied.fixed_value or 0, applied.minimum_subtotal or 0) == (off, least)
    plan = say_offer(applied, currency)
    shop = StoreFacts(name="", url="", email="", currency=currency, timezone="UTC", language=language)
    shown = CodeFacts(
        text="A", valid_from=NOW, valid_until=None, offer=applied, value=applied.fixed_value, offer_text=plan
    )
    facts = facts_for(shop=shop, title="", reader=READER, code=shown)
    money = filters_for(shop)["money"]
    wanted = [off] if off else []
    assert read(facts["offer"]["discount"], language) == wanted
    assert read(facts["offer"]["conditions"], language) == ([least] if least else [])
    assert read(plan, "en") == wanted + ([least] if least else [])
    assert facts["code"]["value"] == (off or None)
    if "PERCENT" not in body["discountType"]:
        assert off % unit == 0
        assert [read(money(amount), language) for amount in (off, least)] == [[off], [least]]
    if offer.at_most is not None:
        assert off <= offer.at_most
        assert off * 100 <= offer.largest_value * least


@given(
    name=st.sampled_from(sorted(OFFERS)),
    currency=st.sampled_from(CURRENCIES),
    figures=FIGURES,
    language=st.sampled_from(LANGUAGES),
    least=st.none() | st.integers(1, 500),
    for_all=st.booleans(),
)
def test_one_figure(
    name: str,
    currency: str,
    figures: dict[str, Decimal],
    language: str,
    least: int | None,
    for_all: bool,
) -> None:
    keys = {**OFFERS[name], "valid": {"for": "1d"}} | ({"minimum_subtotal": least} if least else {})
    offer = Offer.model_validate(keys)
    check_one_figure(offer, currency, figures, language, for_all=for_all and offer.per_customer is None)


@pytest.mark.parametrize("name", OFFERS)
def test_one_figure_in_every_currency(name: str) -> None:
    offer = Offer.model_validate({**OFFERS[name], "valid": {"for": "1d"}, "minimum_subtotal": 20})
    for number, currency in enumerate(CURRENCIES):
        figures = {
            "average_order": Decimal("47.3196"),
            "spent": Decimal("512.4567"),
            "cart_total": Decimal(81),
        }
        check_one_figure(offer, currency, figures, LANGUAGES[number % len(LANGUAGES)])
