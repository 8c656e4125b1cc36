"""A plan waits, with the reason, while the mirror lacks data: otherwise an exclusion could match nobody by mistake."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.plan.shelf import add_catalogue, change
from tests.shop import ANA, NOW, add_customers, add_store, lapsed, run_row, sample_files
from tillroll.campaign import Book, parse_book
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.mirror.reach import OLD_ORDERS
from tillroll.ledger.tables import (
    codes,
    list_members,
    looks,
    messages,
    order_items,
    products,
    recipients,
)
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

A_SECOND = timedelta(seconds=1)
EXCLUDE = "  exclude: [staff, asked]"


def book_with(where: str, **lists: str) -> Book:
    """Return the sample files, with the customers of a condition excluded from the win-back."""
    files = sample_files()
    files["campaigns/winback.yaml"] = files["campaigns/winback.yaml"].replace(
        b"  exclude: [staff]", EXCLUDE.encode()
    )
    files["rules/segments/asked.yaml"] = f"title: t\nwhere: {where}\n".encode()
    files |= {f"rules/lists/{name}.csv": text.encode() for name, text in lists.items()}
    book = parse_book(files)
    assert book.findings == ()
    return book


def planned(engine: Engine, store_id: int, book: Book, *, at: datetime = NOW) -> sa.Row[Any]:
    """Start a run of the win-back, try to plan it and return its row."""
    record_book(engine, store_id=store_id, book=book, now=NOW)
    run_id = start_by_hand(engine, store_id=store_id, name="winback", person=ANA.email, now=at)
    make_plan(engine, run_id=run_id, now=NOW, per_minute=600)
    return run_row(engine, run_id)


def look_at(engine: Engine, store_id: int, area: str, **values: Any) -> None:
    with writing(engine) as connection:
        row = {"store_id": store_id, "area": area, "looked_at": NOW, **values}
        connection.execute(sa.delete(looks).where(looks.c.area == area))
        connection.execute(sa.insert(looks).values(row))


@pytest.fixture
def store_id(ledger: Engine) -> int:
    new_id = add_store(ledger)
    add_customers(ledger, new_id, *(lapsed(number) for number in range(1, 9)))
    add_catalogue(ledger, new_id)
    look_at(ledger, new_id, "orders", whole_at=NOW)
    return new_id


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("{bought: {products: [TEA-01]}}", "orders are known back to 2026-10-25 so far; older ones are still being read"),
        ("{orders: {at_most: 0, within: 60d}}", "orders are known back to 2026-10-25 so far"),
        ("{bought: {products: [TAE-01], within: 20d}}", "the store has no product 'TAE-01', and no order names it (did you mean"),
        ("{bought: {categories: [Tee], within: 20d}}", "the store has no category 'Tee' (did you mean Tea?)"),
        ("{reviewed: {}}", "the store's reviews haven't been read yet"),
        ("{rfm: {monetary: {top: 5%}}}", "the customers' scores haven't been computed yet"),
        ("{rfm: {recency: {at_least: 4}}}", "the customers' scores haven't been computed yet"),
    ],
)  # fmt: skip
def test_a_plan_waits_for_data_that_the_mirror_lacks(
    ledger: Engine, store_id: int, where: str, says: str
) -> None:
    run = planned(ledger, store_id, book_with(where))
    assert (run.state, run.plan_id) == (RunState.PLANNING, None)
    assert run.reason.startswith(says), run.reason
    assert run.not_before == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    "where",
    [
        "{bought: {products: [TEA-01, TEA-01-S], categories: [Tea/Green], within: 20d}}",
        "{orders: {at_least: 1, within: 28d}}",
        "{got_code: {within: 30d}}",
        "{used_code: {}}",
        "{favourite: {products: [CUP-01]}}",
    ],
)
def test_a_plan_is_made_when_the_mirror_has_the_data(ledger: Engine, store_id: int, where: str) -> None:
    run = planned(ledger, store_id, book_with(where))
    assert (run.state, run.reason) == (RunState.WAITING, "")


def test_a_condition_on_orders_waits_until_they_were_read_far_enough_back(
    ledger: Engine, store_id: int
) -> None:
    book = book_with("{bought: {products: [TEA-01], within: 300d}}")
    look_at(ledger, store_id, OLD_ORDERS, looked_at=NOW - timedelta(days=200))
    assert planned(ledger, store_id, book).state == RunState.PLANNING
    look_at(ledger, store_id, OLD_ORDERS, looked_at=NOW - timedelta(days=301))
    assert planned(ledger, store_id, book, at=NOW + A_SECOND).state == RunState.WAITING
    ever = book_with("{bought: {products: [TEA-01]}}")
    assert planned(ledger, store_id, ever, at=NOW + 2 * A_SECOND).state == RunState.PLANNING
    look_at(ledger, store_id, OLD_ORDERS, whole_at=NOW)
    assert planned(ledger, store_id, ever, at=NOW + 3 * A_SECOND).state == RunState.WAITING


def test_orders_of_a_deleted_product_still_count_as_bought(ledger: Engine, store_id: int) -> None:
    book = book_with("{bought: {products: [TEA-01], within: 20d}}")
    change(ledger, products, products.c.sku == "TEA-01")
    with writing(ledger) as connection:
        row = {"store_id": store_id, "order_id": "A", "line": 0, "sku": "TEA-01", "quantity": 1}
        row |= {"customer_id": 3, "bought_at": NOW - timedelta(days=2)}
        connection.execute(sa.insert(order_items).values(row))
    run = planned(ledger, store_id, book)
    assert run.state == RunState.WAITING
    assert 3 not in audience(ledger, run)


def audience(engine: Engine, run: sa.Row[Any]) -> set[int]:
    with engine.connect() as connection:
        query = sa.select(recipients.c.customer_id).where(recipients.c.plan_id == run.plan_id)
        return set(connection.scalars(query))


def test_customers_on_a_list_are_excluded_and_an_incomplete_list_delays_the_plan(
    ledger: Engine, store_id: int
) -> None:
    book = book_with(
        "{list: {in: [away, gone]}}", away="email\nCUSTOMER2@example.com\n", gone="customer_id\n4\n5\n"
    )
    run = planned(ledger, store_id, book)
    assert run.state == RunState.WAITING
    assert audience(ledger, run).isdisjoint({2, 4, 5})
    change(ledger, list_members, list_members.c.member == "5")
    again = start_by_hand(ledger, store_id=store_id, name="winback", person=ANA.email, now=NOW + A_SECOND)
    assert make_plan(ledger, run_id=again, now=NOW, per_minute=600) == RunState.PLANNING
    assert run_row(ledger, again).reason == "the list gone isn't in the ledger yet"
    record_book(ledger, store_id=store_id, book=book, now=NOW)
    assert make_plan(ledger, run_id=again, now=NOW + timedelta(minutes=2), per_minute=600) == RunState.WAITING


def test_members_of_a_list_that_is_no_longer_used_are_deleted(ledger: Engine, store_id: int) -> None:
    other = add_store(ledger, ecwid_id=1004)
    before = book_with("{list: {in: [away]}}", away="customer_id\n4\n5\n")
    for each_store_id in (store_id, other):
        record_book(ledger, store_id=each_store_id, book=before, now=NOW)
    assert members(ledger, store_id) >= {"4", "5"}
    after = book_with("{list: {in: [away]}}", away="customer_id\n5\n6\n")
    record_book(ledger, store_id=store_id, book=after, now=NOW)
    assert members(ledger, store_id) & {"4", "5", "6"} == {"5", "6"}
    assert members(ledger, other) & {"4", "5", "6"} == {"4", "5"}
    record_book(ledger, store_id=store_id, book=book_with("{orders: {at_least: 3}}"), now=NOW)
    assert members(ledger, store_id).isdisjoint({"4", "5", "6"})


def members(engine: Engine, store_id: int) -> set[str]:
    with engine.connect() as connection:
        query = sa.select(list_members.c.member).where(list_members.c.store_id == store_id)
        return set(connection.scalars(query))


def test_recent_recipients_of_a_code_are_excluded_from_the_next_campaign(
    ledger: Engine, store_id: int
) -> None:
    """The design's example: `exclude: [couponed-last-30-days]`."""
    files = sample_files()
    text = files["campaigns/winback.yaml"]
    files["campaigns/winback.yaml"] = text.replace(b"[staff]", b"[staff, couponed-last-30-days]")
    book = parse_book(files)
    run = planned(ledger, store_id, book)
    first = audience(ledger, run)
    with writing(ledger) as connection:
        for person, days in ((min(first), 29), (max(first), 31)):
            who = sa.select(recipients.c.id).where(
                recipients.c.plan_id == run.plan_id, recipients.c.customer_id == person
            )
            recipient_id = connection.scalar(who)
            at = {"reserved_at": NOW, "changed_at": NOW}
            key = {"store_id": store_id, "run_id": run.id, "recipient_id": recipient_id}
            code = connection.execute(
                sa.insert(codes)
                .values(key | at | {"code": f"C{person}", "state": "live"})
                .returning(codes.c.id)
            ).scalar_one()
            left = {"sending_at": NOW - timedelta(days=days), "state": MessageState.SENT, "code_id": code}
            connection.execute(sa.insert(messages).values(key | left | {"changed_at": NOW}))
    again = start_by_hand(ledger, store_id=store_id, name="winback", person=ANA.email, now=NOW + A_SECOND)
    make_plan(ledger, run_id=again, now=NOW, per_minute=600)
    assert audience(ledger, run_row(ledger, again)) == first - {min(first)}
