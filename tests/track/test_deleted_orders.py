"""An order that was deleted in the store leaves the mirror, and its redemption is taken back, however the store tells it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, run_row
from tests.store import turn
from tests.track.room import CLOCK, call, read_whole, session_of
from tests.track.test_mirror import mirror, truth
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.orders import Orders
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, looks, order_items, orders, redemptions, stores
from tillroll.mint.issue.reserve import reserve
from tillroll.sandbox.serve import Sandbox
from tillroll.track.connect import CONNECTED
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.sync import sync

SHAPES = ("both", "number", "text")


@pytest.fixture
def bought(ledger: Engine, client: Client) -> tuple[int, str]:
    """Return a store that was read to its first order, and an order in it that used one of our codes."""
    store_id, run_id = planned_run(ledger)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with reading(ledger) as connection:
        code = str(connection.scalar(sa.select(codes.c.code).limit(1)))
    coupon = {"name": "test", "code": code, "discount": 5, "discountType": "ABS", "launchDate": "2026-01-01"}
    call(client, "POST", "/discount_coupons", coupon)
    placed = {
        "email": "ana@example.com",
        "total": 20,
        "paymentStatus": "PAID",
        "discountCoupon": {"code": code},
    }
    order_id = str(call(client, "POST", "/orders", placed)["orderid"])
    read_whole(ledger, client, store_id)
    assert count(ledger, redemptions.c.order_id == order_id) == 1
    return store_id, order_id


def count(engine: Engine, condition: sa.ColumnElement[bool]) -> int:
    with reading(engine) as connection:
        return int(connection.scalar(sa.select(sa.func.count()).where(condition)) or 0)


def no_trace(engine: Engine, order_id: str) -> None:
    for column in (orders.c.order_id, order_items.c.order_id, redemptions.c.order_id):
        assert count(engine, column == order_id) == 0, column
    assert count(engine, stores.c.state == CONNECTED) == 1


def forget_whole(engine: Engine) -> None:
    """Let the counts be compared at the next look, as they are every six hours."""
    with writing(engine) as connection:
        long_ago = CLOCK.now() - timedelta(days=1)
        connection.execute(sa.update(looks).where(looks.c.area == ORDERS.name).values(whole_at=long_ago))


def test_a_deleted_order_and_its_redemption_are_gone_after_the_next_look(
    ledger: Engine, sandbox: Sandbox, client: Client, bought: tuple[int, str]
) -> None:
    store_id, order_id = bought
    turn(sandbox, deleted_orders="number")
    call(client, "DELETE", f"/orders/{order_id}")
    sync(session_of(ledger, client, store_id), ORDERS)
    no_trace(ledger, order_id)
    for shape in SHAPES:
        turn(sandbox, deleted_orders=shape)
        call(client, "DELETE", f"/orders/{next(iter(client.orders.every())).order_id}")
        sync(session_of(ledger, client, store_id), ORDERS)
        placed = truth(sandbox, "select id from orders where status != 'INCOMPLETE'")
        assert mirror(ledger, orders.c.order_id) == placed, "it is gone, and no other order went with it"


def test_a_deletion_that_the_store_does_not_tell_is_found_by_the_count(
    ledger: Engine, sandbox: Sandbox, client: Client, bought: tuple[int, str]
) -> None:
    store_id, order_id = bought
    call(client, "DELETE", f"/orders/{order_id}")
    sandbox.store.state.run("delete from deleted")
    with writing(ledger) as connection:  # the order is older than the moments that the search index may lag
        connection.execute(sa.update(orders).values(created_at=CLOCK.now() - timedelta(days=3)))
    sync(session_of(ledger, client, store_id), ORDERS)
    assert count(ledger, orders.c.order_id == order_id) == 1, "nothing told it so far"
    forget_whole(ledger)
    sync(session_of(ledger, client, store_id), ORDERS)
    no_trace(ledger, order_id)


class CountingOrders(Orders):
    """Orders whose lists of everything are counted."""

    read = 0

    def every(self, **place: Any) -> Any:
        if place.get("updated_from") is None:
            CountingOrders.read += 1
        return super().every(**place)


def test_equal_counts_cost_one_call_and_older_orders_that_are_not_read_yet_are_no_difference(
    ledger: Engine, sandbox: Sandbox, client: Client, bought: tuple[int, str]
) -> None:
    store_id, order_id = bought
    call(client, "PUT", f"/orders/{order_id}", {"paymentStatus": "INCOMPLETE"})  # the lists leave it out now
    sync(session_of(ledger, client, store_id), ORDERS)
    forget_whole(ledger)
    client.orders = CountingOrders(client.connection)
    sync(session_of(ledger, client, store_id), ORDERS)
    assert CountingOrders.read == 0
    with writing(ledger) as connection:  # as while the history is being read
        connection.execute(sa.update(looks).where(looks.c.area == ORDERS.history).values(whole_at=None))
        connection.execute(sa.delete(orders).where(orders.c.order_id != order_id))
    forget_whole(ledger)
    sync(session_of(ledger, client, store_id), ORDERS)
    assert CountingOrders.read == 0
