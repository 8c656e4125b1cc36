"""Customers who come into a segment that a campaign waits for, or leave it, are found once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import book_of, campaign, entered, person, shop_with
from tests.shop import NOW, add_customers
from tillroll.flows.enroll import enroll
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import customers
from tillroll.plan.record.revisions import record_book

HOUR = timedelta(hours=1)
VIPS = {"rules/segments/vips.yaml": b"title: t\nwhere: {orders: {at_least: 3}}\n"}
COME, GO = campaign("{segment_entered: {segment: vips}}"), campaign("{segment_left: {segment: vips}}")


def shop(engine: Engine, *people: dict[str, Any]) -> None:
    shop_with(engine)
    add_customers(engine, 1, *people)
    record_book(engine, store_id=1, book=book_of(VIPS, come=COME, go=GO), now=NOW - HOUR)


def orders_of(engine: Engine, customer_id: int, count: int) -> None:
    with writing(engine) as connection:
        where = customers.c.customer_id == customer_id
        connection.execute(sa.update(customers).where(where).values(orders=count))


def found(engine: Engine) -> list[tuple[str, int]]:
    return sorted((row.campaign, row.customer_id) for row in entered(engine))


def test_who_comes_and_goes_is_found_and_who_was_there_is_not(ledger: Engine) -> None:
    shop(ledger, person(1, orders=3), person(2, orders=2), person(3, orders=9))
    enroll(ledger, store_id=1, now=NOW)
    assert found(ledger) == []
    orders_of(ledger, 2, 3)
    orders_of(ledger, 3, 1)
    enroll(ledger, store_id=1, now=NOW + timedelta(minutes=5))
    assert found(ledger) == [], "the segment is looked at once an hour"
    for minutes in (0, 1, 2):
        enroll(ledger, store_id=1, now=NOW + HOUR + timedelta(minutes=minutes))
    assert found(ledger) == [("come", 2), ("go", 3)]


def test_a_changed_segment_brings_nobody_in(ledger: Engine) -> None:
    shop(ledger, person(1, orders=3), person(2, orders=2))
    enroll(ledger, store_id=1, now=NOW)
    wider = {"rules/segments/vips.yaml": b"title: t\nwhere: {orders: {at_least: 2}}\n"}
    record_book(ledger, store_id=1, book=book_of(wider, come=COME, go=GO), now=NOW)
    enroll(ledger, store_id=1, now=NOW + HOUR)
    assert found(ledger) == []
    orders_of(ledger, 1, 0)
    enroll(ledger, store_id=1, now=NOW + 2 * HOUR)
    assert found(ledger) == [("go", 1)]


def test_a_deleted_customer_has_left_nothing(ledger: Engine) -> None:
    shop(ledger, person(1, orders=3))
    enroll(ledger, store_id=1, now=NOW)
    with writing(ledger) as connection:
        connection.execute(sa.delete(customers))
    enroll(ledger, store_id=1, now=NOW + HOUR)
    assert found(ledger) == []
