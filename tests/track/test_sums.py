"""The sums of each day are what the orders add up to, whatever becomes of the orders, on both databases."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, run_row
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Store
from tillroll.ledger.tables import codes, day_sums, orders
from tillroll.mint.issue.reserve import reserve
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.results.months import Month, month_results
from tillroll.track.results.redeem import mark_redemptions
from tillroll.track.results.sums import Earnings, keep_sums, rebuild_sums, sums_between


@pytest.fixture
def sold(ledger: Engine) -> tuple[Store, list[str]]:
    """Return a store with built sums, and the codes of a run."""
    store_id, run_id = planned_run(ledger)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(state="live"))
        names = list(connection.scalars(sa.select(codes.c.code).order_by(codes.c.id)))
    assert keep_sums(ledger, store_of(ledger, store_id))
    store = store_of(ledger, store_id)
    assert not keep_sums(ledger, store)
    return store, names


def store_of(engine: Engine, store_id: int) -> Store:
    with reading(engine) as connection:
        return load_store(connection, store_id)


def order(engine: Engine, store: Store, number: int, code: str, **values: Any) -> None:
    row = {
        "store_id": store.id,
        "order_id": f"A{number}",
        "total": Decimal(50),
        "coupon_discount": Decimal(5),
        "coupon_code": code,
        "payment_status": "PAID",
        "created_at": NOW,
        "seen_at": NOW,
        **values,
    }
    with writing(engine) as connection:
        upsert(connection, orders, [row])


def kept(engine: Engine, store: Store) -> dict[tuple[str, str], Earnings]:
    with reading(engine) as connection:
        return sums_between(connection, store.id, "2000-01-01", "2100-01-01")


def test_orders_that_come_change_and_go_move_the_sums(ledger: Engine, sold: tuple[Store, list[str]]) -> None:
    """Whatever happens to a dozen orders in whatever order, counting anew finds nothing to mend."""
    store, names = sold
    chance = random.Random(16)
    for _ in range(60):
        number = chance.randrange(12)
        if chance.random() < 0.15:
            with writing(ledger) as connection:
                ORDERS.remove(connection, store.id, [f"A{number}"])
            continue
        order(
            ledger,
            store,
            number,
            names[number % 3] if chance.random() < 0.9 else "OTHER",
            total=Decimal(chance.randrange(100, 9_000)) / 100,
            coupon_discount=Decimal(chance.randrange(0, 900)) / 100,
            payment_status=chance.choice(["PAID", "PAID", "CANCELLED", "REFUNDED", "AWAITING_PAYMENT"]),
            created_at=NOW + timedelta(hours=chance.randrange(-40, 40)),
        )
        mark_redemptions(ledger, store_id=store.id, seen_since=NOW)
    before = kept(ledger, store)
    assert before, "some orders are left"
    assert rebuild_sums(ledger, store) == []
    assert kept(ledger, store) == before


def test_an_order_counts_on_its_day_in_the_stores_zone(ledger: Engine, sold: tuple[Store, list[str]]) -> None:
    store, names = sold  # in Ljubljana, an hour or two ahead of UTC
    order(ledger, store, 1, names[0], created_at=datetime(2026, 11, 30, 22, 59, tzinfo=UTC))
    order(ledger, store, 2, names[1], created_at=datetime(2026, 11, 30, 23, 0, tzinfo=UTC))
    mark_redemptions(ledger, store_id=store.id, seen_since=NOW)
    one = Earnings(orders=1, revenue=Decimal(50), discount=Decimal(5))
    assert kept(ledger, store) == {("2026-11-30", "winback"): one, ("2026-12-01", "winback"): one}
    with writing(ledger) as connection:
        connection.execute(sa.text("update stores set timezone = 'UTC'"))
    moved = store_of(ledger, store.id)
    assert keep_sums(ledger, moved)
    assert kept(ledger, moved) == {("2026-11-30", "winback"): one + one}


def test_a_wrong_sum_is_found_and_mended(ledger: Engine, sold: tuple[Store, list[str]]) -> None:
    store, names = sold
    order(ledger, store, 1, names[0])
    mark_redemptions(ledger, store_id=store.id, seen_since=NOW)
    right = kept(ledger, store)
    with writing(ledger) as connection:
        connection.execute(sa.update(day_sums).values(orders=7))
    (wrong,) = rebuild_sums(ledger, store)
    assert (wrong.campaign, wrong.kept.orders, wrong.counted.orders) == ("winback", 7, 1)
    assert kept(ledger, store) == right


def test_a_month_has_every_day_and_its_campaigns_by_revenue(
    ledger: Engine, sold: tuple[Store, list[str]]
) -> None:
    store, names = sold
    order(ledger, store, 1, names[0], created_at=datetime(2026, 2, 1, 12, tzinfo=UTC))
    order(ledger, store, 2, names[1], created_at=datetime(2026, 2, 28, 12, tzinfo=UTC), total=Decimal(70))
    order(ledger, store, 3, names[2], created_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    mark_redemptions(ledger, store_id=store.id, seen_since=NOW)
    february = Month(year=2026, number=2)
    with reading(ledger) as connection:
        found = month_results(connection, store, february)
    total = Earnings(orders=2, revenue=Decimal(120), discount=Decimal(10))
    assert (found.total, found.campaigns) == (total, (("winback", total),))
    assert [day for day, earned in found.days if earned.orders] == [date(2026, 2, 1), date(2026, 2, 28)]
    assert len(found.days) == 28


def test_months_follow_each_other() -> None:
    december = Month(year=2026, number=12)
    assert (december.after.key, december.before.key) == ("2027-01", "2026-11")
    assert (december.name, december.after.before) == ("December 2026", december)
    assert Month.parse("2026-02") == Month(year=2026, number=2)
    assert [Month.parse(text) for text in ("2026-13", "2026-2", "26-02", "", "2026-02-01")] == [None] * 5
