"""The page of results: what came back, by day and by campaign."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.shop import NOW, SHOP
from tests.track.effect.people import DAY, WINDOW, ordered, planned
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import day_sums, store_days
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


def kept_day(engine: Engine, store_id: int, day: date, orders: int, revenue: str, coupons: int = 0) -> None:
    row = {"store_id": store_id, "day": day.isoformat(), "orders": orders, "coupon_orders": coupons}
    with writing(engine) as connection:
        connection.execute(sa.insert(store_days).values(revenue=Decimal(revenue), **row))


def test_the_whole_store_is_shown_by_day(ledger: Engine, ana: FlaskClient, store_id: int) -> None:
    """NOW is Monday, 23 November: today and a day that was missed aren't known, and the page says so."""
    for number in range(5, 23):
        if number != 9:
            sold = (0, "0", 0) if number == 6 else (4, "50", 1)
            kept_day(ledger, store_id, date(2026, 11, number), *sold)
    page = ana.get(f"{SHOP}/results").text
    assert page.count("<svg viewBox") == 4, "orders, revenue, average order, share with a coupon"
    assert "from 64 orders, with a code or without: €12.50 each on average, 25% with a coupon" in page
    assert "These are the 17 of 30 days that are known" in page
    assert (
        "Not known: 1 November to 4 November 2026. The first day that was counted is 5 November 2026." in page
    )
    assert "Not known: 1 day from 9 November 2026 on, when nothing was counted." in page
    assert "Not known yet: 23 November 2026. A day is counted when it is over" in page
    for label in ("5 November: 4", "5 November: €12.50", "5 November: 25%", "6 November: 0 orders"):
        assert f"<title>{label}</title>" in page
    assert page.count('class="unknown"') == 4 * 6, "a mark for each day up to today that isn't known"
    assert "<title>24 November: to come</title>" in page
    assert page.count("not known yet</td>") == 1
    assert page.count("not known</td>") == 5


def test_a_store_without_a_counted_day_says_so(ledger: Engine, ana: FlaskClient, store_id: int) -> None:
    assert "No day is counted yet" in ana.get(f"{SHOP}/results").text
    kept_day(ledger, store_id, date(2026, 11, 22), 3, "1234567.89")
    this_month, last_month = (ana.get(f"{SHOP}/results{query}").text for query in ("", "?month=2026-10"))
    assert '<td class="figure">€1,234,567.89</td>' in this_month
    assert "Not known: 1 October to 31 October 2026" in last_month
    assert "<svg viewBox" not in last_month


def test_the_page_reads_no_order(ledger: Engine, ana: FlaskClient, store_id: int) -> None:
    kept_day(ledger, store_id, date(2026, 11, 22), 3, "30")
    asked: list[str] = []
    sa.event.listen(ledger, "before_cursor_execute", lambda *given: asked.append(given[2].lower()))
    assert "from 3 orders" in ana.get(f"{SHOP}/results").text
    assert any("from store_days" in statement for statement in asked)
    assert not [statement for statement in asked if "from orders" in statement or "join orders" in statement]


def test_bars_end_at_a_round_figure() -> None:
    chart = bar_chart([("a", Decimal(0)), ("b", Decimal("13.5")), ("c", Decimal(20))])
    assert chart.top == Decimal(20)
    assert [bar.height for bar in chart.bars] == [0, 101.25, HEIGHT]
    assert bar_chart([]).top == bar_chart([("a", Decimal(0))]).top == Decimal(1)
    assert bar_chart([("a", Decimal("0.03"))]).top == Decimal("0.05")
    unknown = bar_chart([("a", None), ("b", Decimal(5))])
    assert [(bar.is_known, bar.height) for bar in unknown.bars] == [(False, HEIGHT), (True, HEIGHT)]
    assert unknown.top == Decimal(5)
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
