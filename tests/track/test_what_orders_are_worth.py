"""What an order is worth however it was paid for, and that an order whose buyer withdrew is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, planned_run, run_row
from tests.track.room import call, session_of
from tillroll.campaign.states import WITHDRAWN
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import codes, order_items, orders
from tillroll.mint.issue.reserve import reserve
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.sync import sync
from tillroll.track.results.progress import run_progress


@pytest.fixture
def sold(ledger: Engine, client: Client) -> tuple[int, int, str]:
    """Return a store that was read, a run, and a code of it that is live in the store."""
    store_id, run_id = planned_run(ledger, customers=3)
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with writing(ledger) as connection:
        code = str(connection.scalar(sa.select(codes.c.code).limit(1)))
    coupon = {"name": "test", "code": code, "discount": 5, "discountType": "ABS", "usesLimit": "UNLIMITED"}
    coupon_id = call(client, "POST", "/discount_coupons", {**coupon, "launchDate": "2026-01-01"})["id"]
    with writing(ledger) as connection:
        values = {"state": "live", "coupon_id": coupon_id}
        connection.execute(sa.update(codes).where(codes.c.code == code).values(values))
    sync(session_of(ledger, client, store_id), ORDERS)
    return store_id, run_id, code


def order(client: Client, code: str, **values: Any) -> str:
    item = {"productId": 701, "name": "Sencha", "price": 60, "quantity": 1}
    body = {
        "email": "customer1@example.com",
        "paymentStatus": "PAID",
        "items": [item],
        "discountCoupon": {"code": code},
    }
    return str(call(client, "POST", "/orders", {**body, **values})["orderid"])


def results(engine: Engine, client: Client, store_id: int, run_id: int) -> tuple[int, Decimal]:
    """The run's orders and revenue after the next look."""
    sync(session_of(engine, client, store_id), ORDERS)
    with reading(engine) as connection:
        progress = run_progress(connection, run_id)
    return progress.redemptions, progress.revenue


PAID = {
    "by card": {"total": 60, "giftCardRedemption": 0, "totalBeforeGiftCardRedemption": 60},
    "partly by gift certificate": {
        "total": 40,
        "giftCardRedemption": 20,
        "totalBeforeGiftCardRedemption": 60,
    },
    "by a gift certificate that is told alone": {"total": 40, "giftCardRedemption": 20},
    "by gift certificate alone": {"total": 0, "giftCardRedemption": 60, "totalBeforeGiftCardRedemption": 60},
    "partly by store credit": {"total": 55, "storeCredit": 5},
    "by credit in an object": {"total": 55, "storeCredit": {"amount": 5}},
    "by both": {"total": 35, "giftCardRedemption": 20, "totalBeforeGiftCardRedemption": 55, "storeCredit": 5},
    "with nonsense": {"total": 60, "giftCardRedemption": None, "storeCredit": "soon"},
}


def test_an_order_of_60_counts_as_60_however_it_was_paid_for(
    ledger: Engine, client: Client, sold: tuple[int, int, str]
) -> None:
    store_id, run_id, code = sold
    placed = {order(client, code, **values): paid for paid, values in PAID.items()}
    assert results(ledger, client, store_id, run_id) == (len(PAID), Decimal(60) * len(PAID))
    with reading(ledger) as connection:
        kept = sa.select(orders.c.order_id, orders.c.total).where(orders.c.order_id.in_(placed))
        worth = {placed[row.order_id]: row.total for row in connection.execute(kept)}
    assert worth == dict.fromkeys(PAID, Decimal(60))


def test_a_refund_lowers_what_an_order_is_worth_and_a_whole_one_undoes_it(
    ledger: Engine, client: Client, sold: tuple[int, int, str]
) -> None:
    store_id, run_id, code = sold
    summed, listed, gone = (order(client, code, total=60) for _ in range(3))
    edits = {
        summed: {"paymentStatus": "PARTIALLY_REFUNDED", "refundedAmount": 10.01},
        listed: {"paymentStatus": "PARTIALLY_REFUNDED", "refunds": [{"amount": 5}, {"amount": 2.5}]},
        gone: {"paymentStatus": "PARTIALLY_REFUNDED", "refundedAmount": 60},
    }
    for order_id, edit in edits.items():
        call(client, "PUT", f"/orders/{order_id}", edit)
    assert results(ledger, client, store_id, run_id) == (2, Decimal("49.99") + Decimal("52.50"))


WAYS_TO_WITHDRAW = (True, {"date": "2026-11-29 10:00:00 +0000"}, "2026-11-29 10:00:00 +0000")


def test_an_order_whose_buyer_withdrew_is_no_sale_until_that_is_taken_back(
    ledger: Engine, client: Client, sold: tuple[int, int, str]
) -> None:
    store_id, run_id, code = sold
    placed = [order(client, code, total=60) for _ in WAYS_TO_WITHDRAW]
    all_sold, none = (3, Decimal(180)), (0, Decimal(0))
    assert results(ledger, client, store_id, run_id) == all_sold
    for order_id, way in zip(placed, WAYS_TO_WITHDRAW, strict=True):
        call(client, "PUT", f"/orders/{order_id}", {"withdrawalRequested": way})
    assert results(ledger, client, store_id, run_id) == none
    with reading(ledger) as connection:
        status = sa.select(orders.c.payment_status).where(orders.c.order_id.in_(placed))
        assert list(connection.scalars(status)) == [WITHDRAWN] * 3
        buyer = sa.select(order_items.c.customer_id).where(order_items.c.order_id.in_(placed))
        assert list(connection.scalars(buyer)) == [None] * 3, "segments don't count it as bought"
    for order_id in placed:
        call(client, "PUT", f"/orders/{order_id}", {"withdrawalRequested": False})
    assert results(ledger, client, store_id, run_id) == all_sold
    for order_id in placed:
        undone = {"withdrawalRequested": True, "paymentStatus": "REFUNDED"}
        call(client, "PUT", f"/orders/{order_id}", undone)
    assert results(ledger, client, store_id, run_id) == none
