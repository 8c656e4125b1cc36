"""Amounts in the currency's own decimals: the coupon, the e-mail, the plan and the ledger hold one figure."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import sqlalchemy as sa
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.journeys.steps import book_of
from tests.send.room import CAMPAIGN
from tests.shop import NOW, add_customers, add_store, lapsed, run_row
from tillroll.campaign.language.models import Offer
from tillroll.campaign.states import RunState
from tillroll.campaign.text.money import say_money, say_price, smallest_unit
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import recipients
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book


def planned_in(engine: Engine, currency: str, offer: str) -> tuple[RunState, str]:
    """Plan a run of eight people in a store with this currency. Returns its state and reason."""
    store_id = add_store(engine, currency=currency)
    add_customers(
        engine, store_id, *(lapsed(number, orders=3, spent=Decimal("1234.567")) for number in range(1, 9))
    )
    text = re.sub(r"offer: \{kind: percent, value: 10", f"offer: {{{offer}", CAMPAIGN)
    assert text != CAMPAIGN
    record_book(engine, store_id=store_id, book=book_of(hello=text), now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    run = run_row(engine, run_id)
    return run.state, run.reason


@pytest.mark.parametrize(
    ("currency", "offer", "problem"),
    [
        ("JPY", "kind: amount, value: 99.5", "offer.value is 99.5, but the smallest amount of JPY is 1"),
        ("EUR", "kind: amount, value: 5.005", "offer.value is 5.005, but the smallest amount of EUR is 0.01"),
        ("KWD", "kind: amount, value: 5.0005", "the smallest amount of KWD is 0.001"),
        ("JPY", "kind: percent, value: 10, minimum_subtotal: 30.5", "offer.minimum_subtotal is 30.5"),
        ("JPY", "kind: amount, value: {formula: spent, at_most: 20.5}", "offer.value.at_most is 20.5"),
        ("JPY", "kind: amount, value: {formula: spent, at_most: 20, step: 0.5}", "offer.value.step is 0.5"),
        (
            "JPY",
            "kind: amount, value: {table: {by: spent, rows: [{from: 0, value: 9.5}]}}",
            "offer.value.table.rows[0].value is 9.5",
        ),
    ],
)
def test_an_amount_that_the_currency_does_not_have_is_refused(
    ledger: Engine, currency: str, offer: str, problem: str
) -> None:
    state, reason = planned_in(ledger, currency, offer)
    assert state is RunState.REFUSED
    assert problem in reason


@pytest.mark.parametrize(
    ("currency", "offer"),
    [
        ("JPY", "kind: amount, value: 100"),
        ("KWD", "kind: amount, value: 5.005"),
        ("JPY", "kind: percent, value: 12.5"),
        ("JPY", "kind: percent, value: {formula: spent / 100, at_most: 12.5}"),
    ],
)
def test_an_amount_that_the_currency_has_is_planned(ledger: Engine, currency: str, offer: str) -> None:
    assert planned_in(ledger, currency, offer)[0] is RunState.WAITING


@pytest.mark.parametrize(("currency", "value"), [("JPY", "123"), ("EUR", "123.45"), ("KWD", "123.45")])
def test_a_formula_steps_by_the_smallest_amount(ledger: Engine, currency: str, value: str) -> None:
    planned_in(ledger, currency, "kind: amount, value: {formula: spent / 10, at_most: 500}")
    with reading(ledger) as connection:
        values = set(connection.scalars(sa.select(recipients.c.value)))
    assert values == {Decimal(value)}


CURRENCIES = st.sampled_from(sorted(list_currencies()))


@given(currency=CURRENCIES, spent=st.decimals(min_value=0, max_value=100_000, places=4))
def test_every_currency_shows_the_value_that_the_coupon_has(currency: str, spent: Decimal) -> None:
    offer = Offer.model_validate(
        {"kind": "amount", "value": {"formula": "spent / 7", "at_most": 9000}, "valid": {"for": "1d"}}
    )
    unit = smallest_unit(currency)
    value = offer.value_for({"spent": spent}, unit)
    if value is None:
        assert spent / 7 < max(unit, Decimal("0.01"))
        return
    assert value % unit == 0
    for text in (say_money(value, currency), say_price(value, currency)):
        assert Decimal(re.sub(r"[^0-9.]", "", text).strip(".")) == value, text
