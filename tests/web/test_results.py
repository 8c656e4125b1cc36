"""The page of results: what came back, by day and by campaign."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.shop import NOW, SHOP
from tests.track.effect.people import DAY, WINDOW, ordered, planned
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import day_sums
from tillroll.track.results.effect.kept import measure_next
from tillroll.web.support.charts import HEIGHT, bar_chart


def earned(
    engine: Engine, store_id: int, day: str, orders: int, revenue: int, campaign: str = "winback"
) -> None:
    row = {"store_id": store_id, "day": day, "campaign": campaign, "orders": orders}
    amounts = {"revenue": Decimal(revenue), "discount": Decimal(revenue) / 10}
    with writing(engine) as connection:
        connection.execute(sa.insert(day_sums).values({**row, **amounts}))


def test_a_month_without_orders_says_so(ana: FlaskClient, store_id: int) -> None:
    page = ana.get(f"{SHOP}/results")
    assert page.status_code == 200
    assert f"No order used a code in {NOW:%B %Y}" in page.text
    assert "<svg viewBox" not in page.text
    assert "came back" not in ana.get(f"{SHOP}/").text


def test_what_came_back_is_on_the_desk_and_on_its_page(
    ledger: Engine, ana: FlaskClient, store_id: int
) -> None:
    earned(ledger, store_id, f"{NOW:%Y-%m}-03", 4, 200)
    earned(ledger, store_id, f"{NOW:%Y-%m}-05", 1, 1_000, campaign="birthday")
    last = NOW.replace(day=1) - timedelta(days=1)
    earned(ledger, store_id, f"{last:%Y-%m-%d}", 2, 80)
    home, page = ana.get(f"{SHOP}/").text, ana.get(f"{SHOP}/results").text
    assert "€1,200.00" in home
    assert "from 5 orders" in page
    assert f"In {last:%B %Y} it was €80.00 from 2 orders" in page
    assert page.index('c-birthday"') < page.index('c-winback"'), "the largest first"
    assert "3 November: €200.00" in page
    earlier = ana.get(f"{SHOP}/results?month={last:%Y-%m}").text
    assert "€80.00" in earlier
    assert f"{SHOP}/results?month={NOW:%Y-%m}" in earlier


@pytest.mark.parametrize("month", ["2026-13", "x", "2026", "0000-01", "2026-11-01", "%F0%9F%98%80"])
def test_a_month_that_is_none_is_not_found(ana: FlaskClient, store_id: int, month: str) -> None:
    assert ana.get(f"{SHOP}/results?month={month}").status_code == 404


def test_bars_end_at_a_round_figure() -> None:
    chart = bar_chart([("a", Decimal(0)), ("b", Decimal("13.5")), ("c", Decimal(20))])
    assert chart.top == Decimal(20)
    assert [bar.height for bar in chart.bars] == [0, 101.25, HEIGHT]
    assert bar_chart([]).top == bar_chart([("a", Decimal(0))]).top == Decimal(1)
    assert bar_chart([("a", Decimal("0.03"))]).top == Decimal("0.05")
    assert bar_chart([("a", Decimal("10000"))]).top == Decimal(10_000)


def test_what_campaigns_changed_is_said_in_words(ledger: Engine, ana: FlaskClient) -> None:
    store_id, _, ours, theirs = planned(ledger, since=NOW - 2 * WINDOW, customers=500)
    for number in (*ours[:50], *theirs[:2]):
        ordered(ledger, store_id, number, NOW - 2 * WINDOW + DAY, 30)
    assert "What the campaigns changed" not in ana.get(f"{SHOP}/results").text
    measure_next(ledger, store_id=store_id, now=NOW)
    page = ana.get(f"{SHOP}/results").text
    assert "What the campaigns changed" in page
    assert "people written to" in page
    assert "were held back, of whom 2 ordered" in page
