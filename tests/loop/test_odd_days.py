"""A day that is unlike other such days is told of once, when it is over and its orders have been read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.loop.test_notices import Desk
from tests.shop import NOW, add_store
from tillroll.campaign.language.notices import NoticeRules
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import notices, orders, store_days
from tillroll.loop.notices.odd_days import keep_odd_day
from tillroll.loop.notices.whom import ShopPeople
from tillroll.track.store_days.judge import StoreDay, judge

DAY = timedelta(days=1)


def shop(ledger: Engine, folder: Path, *, yesterday: int) -> ShopPeople:
    """A store with 20 orders every day of ten weeks, one day of 90, and then yesterday. NOW is a Monday morning."""
    store_id = add_store(ledger)
    counts = {1: yesterday, **{day: 90 if day == 15 else 20 for day in range(2, 70)}}
    with writing(ledger) as connection:
        for day, count in counts.items():
            at = NOW - day * DAY
            row = {
                "store_id": store_id,
                "payment_status": "PAID",
                "total": 10,
                "created_at": at,
                "seen_at": at,
            }
            rows = [{**row, "order_id": f"{day}-{number}"} for number in range(count)]
            connection.execute(
                sa.insert(orders), [*rows, {**row, "order_id": str(day), "payment_status": "CANCELLED"}]
            )
        store = load_store(connection, store_id)
    services = Desk(ledger, folder).services
    return ShopPeople(services=services, store=store, rules=NoticeRules(odd_day=("ana@shop.example",)))


def told(ledger: Engine) -> list[str]:
    with reading(ledger) as connection:
        return list(connection.scalars(sa.select(notices.c.subject)))


@pytest.mark.parametrize(("yesterday", "much"), [(60, "far more"), (1, "far fewer"), (28, "")])
def test_an_odd_day_is_told_of_once(ledger: Engine, tmp_path: Path, yesterday: int, much: str) -> None:
    people = shop(ledger, tmp_path, yesterday=yesterday)
    keep_odd_day(replace(people, store=replace(people.store, orders_at=NOW - timedelta(hours=11))))
    assert told(ledger) == []  # its orders haven't all been read
    keep_odd_day(people)
    keep_odd_day(people)
    assert told(ledger) == ([f"Sample Shop: {much} orders than on other Sundays"] if much else [])
    with reading(ledger) as connection:
        last = connection.execute(sa.select(store_days).order_by(store_days.c.day.desc())).first()
        assert last is not None
        assert (last.day, last.orders, last.revenue) == ("2026-11-22", yesterday, yesterday * 10)


def test_too_few_weeks_tell_nothing() -> None:
    days = [
        StoreDay(day=f"2026-11-{day:02}", orders=20, revenue=Decimal(20), coupon_orders=0)
        for day in (1, 8, 15, 22)
    ]
    assert judge(replace(days[0], orders=500), days) is None
