"""The plan says what the store does beside it: its own e-mails, its promotions, and prices that are reduced already."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.plan.shelf import POT, TEA, change, run_for
from tests.shop import NOW
from tillroll.campaign import Campaign
from tillroll.campaign.states import StoreEmail
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import product_prices, products, promotions, stores
from tillroll.plan.make import make_plan
from tillroll.plan.verdicts.shop import store_email_verdicts

TEA_ONLY = "{products: [TEA-01]}"


def texts(engine: Engine, run_id: int) -> dict[str, str]:
    """Plan a run and return what its verdicts say, by rule."""
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    with reading(engine) as connection:
        stored = load_plan(connection, run_id)
    assert stored is not None
    return {verdict.rule: verdict.text for verdict in stored.proposal.verdicts}


def promote(engine: Engine, store_id: int, **values: Any) -> None:
    row = {
        "store_id": store_id,
        "promotion_id": 1,
        "name": "Autumn",
        "enabled": True,
        "base": "SUBTOTAL",
        "discount_type": "PERCENT",
        "amount": Decimal(20),
        "is_limited": False,
        "seen_at": NOW,
    }
    with writing(engine) as connection:
        connection.execute(sa.insert(promotions).values({**row, **values}))


def priced(engine: Engine, product: int, *prices: tuple[int, str]) -> None:
    """Record what a product has cost, each price with the days since then."""
    rows = [
        {
            "store_id": 1,
            "product_id": product,
            "variation_id": 0,
            "since": NOW - timedelta(days=days),
            "price": price,
        }
        for days, price in prices
    ]
    with writing(engine) as connection:
        connection.execute(
            sa.insert(product_prices), [{**row, "price": Decimal(row["price"])} for row in rows]
        )


@pytest.mark.parametrize(
    ("event", "email"),
    [
        ("cart_abandoned", StoreEmail.ABANDONED_CART),
        ({"inactive": {"for": "90d"}}, StoreEmail.INACTIVE),
        ("favourite_added", StoreEmail.FAVOURITES),
        ({"spent_reached": {"amount": 500}}, StoreEmail.LOYALTY),
        ("first_order_anniversary", StoreEmail.ANNIVERSARY),
        ("order_placed", StoreEmail.FEEDBACK),
        ("customer_created", None),
    ],
)
def test_an_event_that_the_store_writes_about_too_is_told(
    event: str | dict[str, Any], email: StoreEmail | None
) -> None:
    message = {"template": "note", "subject": "Hello"}
    campaign = Campaign.model_validate(
        {"title": "t", "owner": "o", "when": {"on": event}, "message": message}
    )
    found = store_email_verdicts(campaign, None, list(StoreEmail), count=1)
    assert [verdict.measured for verdict in found] == ([email.value] if email else [])
    assert store_email_verdicts(campaign, None, [], count=1) == ()


def test_a_win_back_beside_the_stores_own_is_told(ledger: Engine) -> None:
    _, run_id = run_for(ledger, TEA_ONLY)
    change(ledger, stores, sa.true(), own_emails=["inactiveCustomerReminder", "feedbackRequest"])
    assert texts(ledger, run_id)["store_emails"] == (
        "the store itself writes to customers who haven't ordered for a while (inactiveCustomerReminder is on), so 6 recipients "
        "would hear of the same thing twice; switch one of the two off"
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "'Autumn' (20% off)"),
        (
            {"base": "SHIPPING", "amount": Decimal(100), "least_subtotal": Decimal(100)},
            "'Autumn' (100% off shipping from €100.00)",
        ),
        (
            {"discount_type": "ABSOLUTE", "amount": Decimal(5), "is_limited": True},
            "'Autumn' (€5.00 off, with limits)",
        ),
    ],
)
def test_promotions_that_apply_beside_the_code_are_told(
    ledger: Engine, values: dict[str, Any], says: str
) -> None:
    store_id, run_id = run_for(ledger, TEA_ONLY)
    promote(ledger, store_id, **values)
    assert texts(ledger, run_id)["promotions"].startswith(
        f"the store gives discounts without a code too: {says}. Whether its till adds them to a code is its own setting; "
        "if it adds them up, the worst case is €"
    )


def test_the_worst_case_with_a_promotion_adds_it_to_every_code(ledger: Engine) -> None:
    store_id, run_id = run_for(ledger, TEA_ONLY)
    promote(ledger, store_id)
    text = texts(ledger, run_id)["promotions"]
    # six codes of 15% and a promotion of 20%, on the largest basket of €150
    assert text.endswith("the worst case is €315.00 instead of €135.00")


def test_a_worst_case_that_a_promotion_does_not_change_is_said_once(ledger: Engine) -> None:
    store_id, run_id = run_for(ledger, TEA_ONLY)
    promote(ledger, store_id, amount=Decimal(0))
    assert texts(ledger, run_id)["promotions"].endswith("; the worst case of €135.00 holds with them too")


@pytest.mark.parametrize(
    "values",
    [
        {"enabled": False},
        {"ends_at": NOW - timedelta(days=1)},
        {"begins_at": NOW + timedelta(days=90)},
        {"least_subtotal": Decimal(9_999)},
    ],
)
def test_a_promotion_that_no_code_meets_is_not_told(ledger: Engine, values: dict[str, Any]) -> None:
    store_id, run_id = run_for(ledger, TEA_ONLY)
    promote(ledger, store_id, **values)
    assert "promotions" not in texts(ledger, run_id)


def test_an_offer_on_a_reduced_product_tells_its_lowest_price_before(ledger: Engine) -> None:
    _, run_id = run_for(ledger, TEA_ONLY)
    change(ledger, products, products.c.product_id == TEA, price=Decimal(16), compare_to_price=Decimal(20))
    priced(ledger, TEA, (90, "12"), (60, "20"), (20, "18"), (5, "16"))
    said = texts(ledger, run_id)
    assert "Sencha (€16.00 instead of €20.00)" in said["reduced"]
    assert said["prior_price"].endswith(
        "article 6a): of Sencha it was €18.00, but the store shows €20.00 as the earlier price"
    )


def test_an_unknown_earlier_price_is_said_to_be_unknown(ledger: Engine) -> None:
    _, run_id = run_for(ledger, "{products: [TEA-01, POT-01]}")
    change(ledger, products, products.c.product_id.in_([TEA, POT]), compare_to_price=Decimal(25))
    priced(ledger, TEA, (3, "19"))
    assert texts(ledger, run_id)["prior_price"].endswith(
        "of Sencha it is not known, whose prices are known since 20 November 2026; of Pot it is not known"
    )


def test_goods_at_their_usual_price_need_no_warning(ledger: Engine) -> None:
    _, run_id = run_for(ledger, TEA_ONLY)
    change(ledger, products, products.c.product_id == POT, compare_to_price=Decimal(25))
    assert not {"reduced", "prior_price"} & texts(ledger, run_id).keys()
