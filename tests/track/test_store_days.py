"""The kept days of a store are what its orders add up to, or are mended, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.cli.command import tillroll
from tests.shop import NOW, add_store
from tillroll.ledger.engine import open_engine, reading, upsert, writing
from tillroll.ledger.mirror import reach
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Store
from tillroll.ledger.tables import looks, orders, store_days
from tillroll.track.results.sums import keep_sums
from tillroll.track.store_days.judge import StoreDay
from tillroll.track.store_days.kept import count_days, day_to_count, days_between, write_days
from tillroll.track.store_days.rebuild import rebuild_days


def store_of(engine: Engine, store_id: int) -> Store:
    with reading(engine) as connection:
        return load_store(connection, store_id)


def order(engine: Engine, store: Store, order_id: str, at: datetime, **values: Any) -> None:
    row = {
        "store_id": store.id,
        "order_id": order_id,
        "total": Decimal("10.10"),
        "payment_status": "PAID",
        "created_at": at,
        "seen_at": at,
        **values,
    }
    with writing(engine) as connection:
        upsert(connection, orders, [row])


def kept(engine: Engine, store: Store) -> dict[str, StoreDay]:
    with reading(engine) as connection:
        return days_between(connection, store.id, "2000-01-01", "2100-01-01")


@pytest.fixture
def counted(ledger: Engine) -> Store:
    """A store with three orders on each of twenty days, one of them with a coupon, and their kept days."""
    return count(ledger)


def count(engine: Engine) -> Store:
    store = store_of(engine, add_store(engine))
    for number in range(60):
        at = NOW - timedelta(days=number % 20 + 1)
        order(engine, store, f"A{number}", at, coupon_code="SPRING" if number < 20 else "")
    other = store_of(engine, add_store(engine, ecwid_id=1004))
    order(engine, other, "B1", NOW - timedelta(days=3))
    with writing(engine) as connection:
        day = day_to_count(connection, store, NOW)
        assert day is not None
        write_days(connection, store.id, count_days(connection, store, day))
    return store


def test_right_days_stay_as_they_are(ledger: Engine, counted: Store) -> None:
    before = kept(ledger, counted)
    assert before["2026-11-22"] == StoreDay(
        day="2026-11-22", orders=3, revenue=Decimal("30.30"), coupon_orders=1
    )
    assert rebuild_days(ledger, counted) == []
    assert kept(ledger, counted) == before


@pytest.mark.parametrize("column", ["orders", "revenue", "coupon_orders"])
def test_a_wrong_day_is_found_and_mended(ledger: Engine, counted: Store, column: str) -> None:
    right = kept(ledger, counted)
    with writing(ledger) as connection:
        where = store_days.c.day == "2026-11-10"
        connection.execute(sa.update(store_days).where(where).values({column: 7}))
    (wrong,) = rebuild_days(ledger, counted)
    assert wrong.kept is not None
    assert (wrong.day, getattr(wrong.kept, column)) == ("2026-11-10", 7)
    assert wrong.counted == right["2026-11-10"]
    assert kept(ledger, counted) == right
    assert rebuild_days(ledger, counted) == []


def test_a_missing_day_between_others_is_counted_and_none_after_them(ledger: Engine, counted: Store) -> None:
    right = kept(ledger, counted)
    order(ledger, counted, "TODAY", NOW)
    with writing(ledger) as connection:
        connection.execute(sa.delete(store_days).where(store_days.c.day == "2026-11-10"))
    (missing,) = rebuild_days(ledger, counted)
    assert (missing.day, missing.kept) == ("2026-11-10", None)
    assert kept(ledger, counted) == right, "today isn't over"


def test_an_order_cancelled_long_after_its_day_is_taken_out(ledger: Engine, counted: Store) -> None:
    order(ledger, counted, "A19", NOW - timedelta(days=20), payment_status="CANCELLED")
    (wrong,) = rebuild_days(ledger, counted)
    assert (wrong.day, wrong.counted.orders, wrong.counted.coupon_orders) == ("2026-11-03", 2, 0)


def test_another_time_zone_moves_the_days(ledger: Engine, counted: Store) -> None:
    order(ledger, counted, "LATE", datetime(2026, 11, 10, 23, 30, tzinfo=UTC))  # the 11th in Ljubljana
    rebuild_days(ledger, counted)
    assert keep_sums(ledger, counted)
    assert [kept(ledger, counted)[f"2026-11-{day}"].orders for day in (10, 11)] == [3, 4]
    with writing(ledger) as connection:
        connection.execute(sa.text("update stores set timezone = 'UTC'"))
    assert keep_sums(ledger, store_of(ledger, counted.id))
    assert [kept(ledger, counted)[f"2026-11-{day}"].orders for day in (10, 11)] == [4, 3]


def test_the_command_mends_and_says_it(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    count(engine)
    with writing(engine) as connection:
        connection.execute(sa.delete(store_days).where(store_days.c.day == "2026-11-10"))
        connection.execute(sa.update(store_days).where(store_days.c.day == "2026-11-11").values(orders=1_007))
    engine.dispose()

    def run(*options: str) -> str:
        return tillroll(
            tmp_path, "rebuild", "sums", "--store", "1003", *options, DATABASE_URL=sqlite_url
        ).stdout

    assert run() == (
        "2026-11-10, the whole store: nothing was kept, 3 orders, €30.30, 1 with a coupon is right\n"
        "2026-11-11, the whole store: 1,007 orders, €30.30, 1 with a coupon was kept, "
        "3 orders, €30.30, 1 with a coupon is right\n"
        "2 sums mended.\n"
    )
    assert json.loads(run("--json")) == {"mended": [], "days": [], "counts": []}


def test_nothing_is_counted_before_its_weeks_have_been_read(ledger: Engine) -> None:
    store = store_of(ledger, add_store(ledger))
    row = {"store_id": store.id, "area": reach.OLD_ORDERS, "whole_at": None}
    for days, whole_at, is_counted in (
        (30, None, False),
        (56, None, False),
        (58, None, True),
        (30, NOW, True),
    ):
        read = {**row, "looked_at": NOW - timedelta(days=days), "whole_at": whole_at}
        with writing(ledger) as connection:
            upsert(connection, looks, [read])
            assert (day_to_count(connection, store, NOW) is not None) is is_counted, days
