from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, run_row
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import upsert, writing
from tillroll.ledger.tables import codes, orders, redemptions, runs
from tillroll.mint.issue.reserve import reserve
from tillroll.track.decide import GRACE
from tillroll.track.results.overview import list_runs
from tillroll.track.results.progress import run_progress
from tillroll.track.results.redeem import end_runs, mark_redemptions


@pytest.fixture
def live(ledger: Engine) -> tuple[int, int, str]:
    """Return a store, a run and one of its codes."""
    store_id, run_id = planned_run(ledger)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.update(codes).values(state="live"))
        connection.execute(
            sa.update(runs).values(state=RunState.TRACKING, valid_until=NOW + timedelta(days=14))
        )
        code = connection.scalar(sa.select(codes.c.code).limit(1))
    return store_id, run_id, str(code)


def order(engine: Engine, store_id: int, order_id: str, **values: Any) -> None:
    row = {
        "store_id": store_id,
        "order_id": order_id,
        "customer_id": 1,
        "email": "a@example.com",
        "total": Decimal("51.00"),
        "subtotal": Decimal("60.00"),
        "coupon_discount": Decimal("9.00"),
        "coupon_code": "",
        "payment_status": "PAID",
        "created_at": NOW,
        "updated_at": NOW,
        "seen_at": NOW,
    }
    with writing(engine) as connection:
        upsert(connection, orders, [{**row, **values}])


def test_an_order_with_our_code_is_one_redemption(ledger: Engine, live: tuple[int, int, str]) -> None:
    store_id, run_id, code = live
    order(ledger, store_id, "A1", coupon_code=code.lower())
    order(ledger, store_id, "A2", coupon_code="FRIENDS")
    assert mark_redemptions(ledger, store_id=store_id, seen_since=NOW) == 1
    assert mark_redemptions(ledger, store_id=store_id, seen_since=NOW) == 0
    with ledger.connect() as connection:
        progress = run_progress(connection, run_id)
    assert (progress.redemptions, progress.discount, progress.revenue) == (
        1,
        Decimal("9.00"),
        Decimal("51.00"),
    )


def test_a_cancelled_order_no_longer_counts(ledger: Engine, live: tuple[int, int, str]) -> None:
    store_id, _, code = live
    order(ledger, store_id, "A1", coupon_code=code)
    mark_redemptions(ledger, store_id=store_id, seen_since=NOW)
    order(ledger, store_id, "A1", coupon_code=code, payment_status="CANCELLED")
    mark_redemptions(ledger, store_id=store_id, seen_since=NOW)
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(redemptions)) == 0


def test_a_run_ends_a_day_after_its_codes(ledger: Engine, live: tuple[int, int, str]) -> None:
    store_id, run_id, _ = live
    expiry = NOW + timedelta(days=14)
    assert end_runs(ledger, store_id=store_id, now=expiry + GRACE - timedelta(seconds=1)) == 0
    assert end_runs(ledger, store_id=store_id, now=expiry + GRACE) == 1
    assert run_row(ledger, run_id).state == RunState.DONE


def test_runs_are_listed_newest_first_and_page_by_number(ledger: Engine, live: tuple[int, int, str]) -> None:
    store_id, run_id, _ = live
    with ledger.connect() as connection:
        assert [line.run_id for line in list_runs(connection, store_id)] == [run_id]
        assert list_runs(connection, store_id, before=run_id) == []
        assert list_runs(connection, store_id, states={RunState.WAITING}) == []
