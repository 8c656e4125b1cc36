"""Work that is done when nothing else waits."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from tests.journeys.path import SLICE
from tests.journeys.steps import book_of, write_down
from tillroll.ledger.tables import customers, runs, stores
from tillroll.loop.advance import StoreWorker, advance
from tillroll.wiring import Services

BY_HAND = """title: By hand
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Hello}
"""


def test_customers_are_read_before_there_is_any_run_so_that_a_plan_can_be_previewed(
    worker: StoreWorker, services: Services
) -> None:
    write_down(worker, book_of(hello=BY_HAND))
    advance(worker, until=services.clock.now() + SLICE)
    worker.idle_since = services.clock.now() - timedelta(seconds=10)
    advance(worker, until=services.clock.now() + SLICE)
    with services.engine.connect() as connection:
        assert connection.scalar(sa.select(stores.c.customers_at)) is not None
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 160
        assert connection.scalar(sa.select(sa.func.count()).select_from(runs)) == 0
