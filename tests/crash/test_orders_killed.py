"""Workers die by SIGKILL while webhooks of orders come in any order and repeatedly: the figures are those of the store."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.crash.points import Point
from tests.crash.worker import PATIENCE, installation, start_worker, worker_log
from tests.store import running
from tests.track.figures import figures_of, forget_orders, today
from tests.track.room import call, read_whole, session_of
from tests.track.test_orders_in_any_order import Shop, truth, uses
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import events
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.adopt import adopt
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.sync import sync
from tillroll.track.results.sums import rebuild_sums
from tillroll.track.store_days.rebuild import rebuild_days
from tillroll.wiring import Services

CODES = ["AUTUMN1", "AUTUMN2", "AUTUMN3", "AUTUMN4"]
POINTS = (
    Point(
        name="uses recorded, webhooks not marked",
        function="tillroll.track.mirror.sync:settle_uses",
        when="left",
    ),
    Point(
        name="an order read, its use not recorded",
        function="tillroll.track.mirror.sync:sync_one",
        when="left",
    ),
    Point(name="uses recorded, not committed", function="tillroll.track.results.sums:move_sums", when="left"),
    Point(
        name="uses judged, not committed", function="tillroll.track.results.leaks.judge:_keep", when="left"
    ),
)
"""The first leaves recorded uses behind, which what happens to the orders since then has to move."""


def waiting(parts: Services) -> int:
    """Count the webhooks that no worker has handled yet."""
    with reading(parts.engine) as connection:
        query = sa.select(sa.func.count()).select_from(events).where(events.c.handled_at.is_(None))
        return int(connection.scalar(query) or 0)


@pytest.mark.slow
def test_orders_count_once_whenever_the_worker_dies(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    with (
        running(tmp_path / "store", customers=20) as store,
        installation(store, database_url, tmp_path) as (parts, environment),
    ):
        with reading(parts.engine) as connection:
            row = load_store(connection, 1)
        with parts.client(row) as client:
            for code in CODES:
                coupon = {
                    "name": code,
                    "code": code,
                    "discount": 5,
                    "discountType": "ABS",
                    "usesLimit": "SINGLE",
                }
                call(client, "POST", "/discount_coupons", {**coupon, "launchDate": "2026-01-01"})
            mint = MintContext(engine=parts.engine, client=client, clock=parts.clock, store_id=1)
            assert adopt(mint, prefix="AUTUMN", campaign="autumn", person="ana", dry_run=False).adopted == 4
            shop = Shop(client=client, chance=chance, codes=CODES)
            for point in POINTS:
                for _ in range(30):
                    shop.change()
                shop.deliver(parts.engine, len(shop.waiting) * 3 // 4)
                worker = start_worker(environment, first=point.trap)
                assert worker.wait(timeout=PATIENCE) == -signal.SIGKILL, point.name
            shop.deliver(parts.engine, len(shop.waiting))
        worker = start_worker(environment)
        deadline = time.monotonic() + PATIENCE
        while waiting(parts) or b"worker.started" not in worker_log(environment).read_bytes():
            assert worker.poll() is None, worker_log(environment).read_text()
            assert time.monotonic() < deadline, f"{waiting(parts)} webhooks are never handled"
            time.sleep(0.1)
        worker.terminate()
        assert worker.wait(timeout=PATIENCE) == 0
        expected = truth(store, CODES)
        assert len(expected) > 3
        assert uses(parts.engine) == expected
        with reading(parts.engine) as connection:
            row = load_store(connection, 1)
        assert rebuild_sums(parts.engine, row) == []
        holds_after_a_clean_sync(parts)


def holds_after_a_clean_sync(parts: Services) -> None:
    """Let the past be read too, then compare all figures with those of a ledger that reads the store's orders once."""
    engine, now = parts.engine, parts.clock.now()
    until = today(engine, 1, now)
    with reading(engine) as connection:
        row = load_store(connection, 1)
    with parts.client(row) as client:
        read_whole(engine, client, 1)
        found = figures_of(engine, 1, until=until, now=now)
        assert found.used_by
        assert rebuild_days(engine, row) == []
        forget_orders(engine)
        sync(session_of(engine, client, 1), ORDERS)
    clean = figures_of(engine, 1, until=until, now=now)
    lately = (until - timedelta(days=7)).isoformat()  # a clean sync begins with the orders of the last weeks
    assert {day: sold for day, sold in clean.days.items() if day > lately} == {
        day: sold for day, sold in found.days.items() if day > lately
    }
    assert replace(clean, days={}) == replace(found, days={})
