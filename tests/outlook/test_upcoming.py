"""What the ledger knows of the days to come: audiences as plans would have them, overlaps, and how often events happen."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import add_cart, add_order, book_of, campaign, person, shop_with
from tests.shop import ANA, NOW, add_customers, add_store, lapsed
from tillroll.approve.halt import halt_campaign
from tillroll.campaign import Book
from tillroll.flows.enroll import enroll
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import stores
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.outlook.upcoming import ForecastInput, read_forecast_input
from tillroll.plan.record.revisions import record_book

DAY = timedelta(days=1)
BY_CLOCK = """title: By the clock
owner: ana@shop.example
status: active
when: {cron: "0 10 * * MON"}
who: {%s}
offer: {kind: percent, value: 15, valid: {for: 14d}}
message: {template: note, subject: Hello}
"""
BOOK = {
    "all": BY_CLOCK % "segment: lapsed-90",
    "some": BY_CLOCK % "segment: lapsed-90, holdout: 30%",
    "few": BY_CLOCK % "segment: lapsed-90, exclude: [big-spenders], limit: 20",
    "limited": BY_CLOCK % "segment: lapsed-90, limit: 20",
    "big": BY_CLOCK % "segment: big-spenders",
}


def shop_of(engine: Engine, people: int, book: Book) -> int:
    store_id = add_store(engine)
    rows = [lapsed(number, spent=Decimal(number * 20)) for number in range(1, people + 1)]
    add_customers(
        engine,
        store_id,
        *rows,
        lapsed(people + 1, accepts_marketing=False),
        lapsed(people + 2, email="nowhere"),
    )
    record_book(engine, store_id=store_id, book=book, now=NOW)
    return store_id


def seen(engine: Engine, store_id: int, book: Book, most: int = 200_000) -> ForecastInput:
    with reading(engine) as connection:
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    return read_forecast_input(engine, store=store, book=book, now=NOW, most=most)


def test_every_audience_and_its_money_are_those_a_plan_would_have(ledger: Engine) -> None:
    book = book_of(**BOOK)
    store_id = shop_of(ledger, 60, book)
    with reading(ledger) as connection:
        store = connection.execute(sa.select(stores)).one()
    found = seen(ledger, store_id, book)
    for one in found.scheduled:
        plan = preview_plan(
            PreviewRequest(
                engine=ledger, store=store, revision=book.revisions[one.name], now=NOW, per_minute=600
            )
        ).proposal
        assert (one.name, one.people) == (one.name, plan.audience.count)
        assert one.money.worst == plan.exposure.worst_case
        assert one.money.expected == plan.exposure.expected
        assert one.gives == plan.offer
    reach = {one.name: one.people for one in found.scheduled}
    assert reach["all"] == 60
    assert reach["few"] <= 20 < reach["some"] < 60
    for name, people in reach.items():
        assert people == sum(number for names, number in found.overlaps.items() if name in names)
    assert found.one_in == 1


def test_a_large_store_is_sampled(ledger: Engine) -> None:
    book = book_of(**BOOK)
    store_id = shop_of(ledger, 600, book)
    found = seen(ledger, store_id, book, most=100)
    assert found.one_in == 7
    reach = {one.name: one.people for one in found.scheduled}
    assert 400 < reach["all"] < 800
    assert reach["limited"] == 20
    assert sum(found.overlaps.values()) == reach["all"]


def test_a_plan_that_guardrails_would_refuse_carries_their_reason(ledger: Engine) -> None:
    book = book_of(dear=BY_CLOCK.replace("value: 15", "value: 45") % "segment: lapsed-90")
    (one,) = seen(ledger, shop_of(ledger, 3, book), book).scheduled
    assert "45% off exceeds the 30% allowed" in one.refused


def test_campaigns_without_a_schedule_or_an_event_are_listed_apart(ledger: Engine) -> None:
    pool = """title: A pool
owner: ana@shop.example
status: active
when: {manual: true}
offer: {kind: percent, value: 10, valid: {for: 14d}}
codes: {pool: {size: 10, low_water: 2}}
"""
    cart = campaign("cart_abandoned").replace("status: active", "status: paused")
    book = book_of(pool=pool, cart=cart)
    found = seen(ledger, shop_of(ledger, 3, book), book)
    assert found.asides == {
        "cart": "paused",
        "pool": "no e-mails: it refills its pool when codes run low",
    }


def test_an_audience_that_the_mirror_does_not_know_yet_is_noted(ledger: Engine) -> None:
    files = {"rules/segments/readers.yaml": b"title: Readers\nwhere: {reviewed: {within: 30d}}\n"}
    book = book_of(files, readers=BY_CLOCK % "segment: readers")
    (one,) = seen(ledger, shop_of(ledger, 3, book), book).scheduled
    assert one.reason_unknown == "the store's reviews haven't been read yet"


def test_a_halted_campaign_has_no_runs(ledger: Engine) -> None:
    book = book_of(**BOOK, cart=campaign("cart_abandoned"))
    store_id = shop_of(ledger, 3, book)
    for name in ("all", "cart"):
        halt_campaign(ledger, store_id=store_id, campaign=name, person=ANA, now=NOW, note="")
    found = seen(ledger, store_id, book)
    assert {one.name: one.halted_by for one in found.scheduled if one.halted_by} == {"all": ANA.email}
    assert found.asides == {"cart": f"halted by {ANA.email}"}


def test_the_frequency_of_a_young_campaign_is_counted_in_the_store(ledger: Engine) -> None:
    flow = campaign(
        "{order_placed: {number: 1}}",
        "steps:\n"
        "  - {wait: 1h, message: {template: note, subject: One}}\n"
        "  - wait: 2d\n"
        "    offer: {kind: amount, value: 5, valid: {for: 7d}}\n"
        "    message: {template: note, subject: Two}",
    )
    store_id = shop_with(ledger, *(person(n) for n in range(1, 8)), first_seen=NOW - 2 * DAY, flow=flow)
    for number in range(1, 8):
        add_order(ledger, store_id, f"A{number}", customer_id=number, email="", created_at=NOW - number * DAY)
    add_order(ledger, store_id, "B", customer_id=1, email="", created_at=NOW - DAY / 2)
    (one,) = seen(ledger, store_id, book_of(flow=flow)).awaited
    assert (one.a_day, one.basis) == (Decimal("0.25"), "as the store's last 28 days")
    assert (one.people, one.emails) == (1, 2)
    assert one.emails_a_week == 4
    assert (one.money.worst, one.money_a_week.worst) == (Decimal("5.00"), Decimal("8.75"))
    assert one.waits_for == "when a customer places their order no. 1"


def test_the_frequency_of_an_older_campaign_is_counted_from_its_entries(ledger: Engine) -> None:
    text = campaign("cart_abandoned")
    store_id = shop_with(ledger, *(person(n) for n in range(1, 4)), cart=text)
    for number in range(1, 4):
        add_cart(
            ledger,
            store_id,
            f"c{number}",
            customer_id=number,
            created_at=NOW - DAY,
            updated_at=NOW - DAY,
        )
    assert enroll(ledger, store_id=store_id, now=NOW) == 3
    (one,) = seen(ledger, store_id, book_of(cart=text)).awaited
    assert (one.a_day, one.basis) == (Decimal("0.107"), "as in its last 28 days")


@pytest.mark.parametrize(
    ("per_customer", "worst"),
    [("value: 10", "15.00"), ("value: {formula: 'min(20, orders)', at_most: 20}", "30.00")],
)
def test_an_event_counts_at_the_largest_value_it_can_have(
    ledger: Engine, per_customer: str, worst: str
) -> None:
    offer = f"offer: {{kind: percent, {per_customer}, valid: {{for: 7d}}}}\nmessage: {{template: note, subject: Hi}}"
    text = campaign("customer_created", offer)
    store_id = shop_with(ledger, person(1), first_seen=NOW - DAY, hello=text)
    (one,) = seen(ledger, store_id, book_of(hello=text)).awaited
    assert one.money.worst == Decimal(worst)


def test_an_event_of_a_product_reaches_the_whole_audience_each_time(ledger: Engine) -> None:
    text = campaign("back_in_stock", who="who: {segment: lapsed-90}")
    store_id = shop_with(ledger, *(lapsed(n) for n in range(1, 6)), back=text)
    (one,) = seen(ledger, store_id, book_of(back=text)).awaited
    assert (one.people, one.emails) == (5, 1)
