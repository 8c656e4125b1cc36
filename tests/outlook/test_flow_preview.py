"""Previews of flows: by the latest real event, or by a made-up one that is marked so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import add_cart, add_order, add_product, book_of, campaign, person, shop_with
from tests.shop import NOW
from tillroll.cli.plan.event_show import event_rows
from tillroll.cli.plan.mails import mails_of_steps
from tillroll.errors import Refused
from tillroll.flows.frequency import say_often
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import customer_fields, entries, looks, plans, runs
from tillroll.outlook.flow_preview import FlowPreview, preview_flow
from tillroll.outlook.plan_preview import PreviewRequest

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FLOW = """
steps:
  - wait: 2h
    message: {template: note, subject: "{{ cart.total | money }} wait"}
  - wait: 1d
    unless: [ordered]
    offer: {kind: percent, value: 5, valid: {for: 7d}}
    codes: {prefix: CART}
    message: {template: note, subject: "{{ code.text }}"}
  - wait: 4d
    unless: [ordered, code_used]
    same_code: true
    message: {template: note, subject: "until {{ code.valid_until | date }}"}
"""
OFFER = """
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: note, subject: "SUBJECT"}
"""


def looked_at(engine: Engine, text: str, **asked: Any) -> FlowPreview:
    """The outlook; each step's e-mails can be filled in."""
    revision = book_of(hello=text).revisions["hello"]
    with reading(engine) as connection:
        store = load_store(connection, 1)
    found = preview_flow(
        PreviewRequest(engine=engine, store=store, revision=revision, now=NOW, per_minute=600, **asked)
    )
    mails = mails_of_steps(found, store)
    assert [bool(one) for one in mails] == [True] * len(found.steps)
    SUBJECTS[:] = [mail.subject for step in mails for _, mail in step]
    return found


SUBJECTS: list[str] = []
"""Of the e-mails that were filled in last."""


def shop(engine: Engine, *people: dict[str, Any]) -> int:
    """A store whose mirror has read everything."""
    store_id = shop_with(engine, *people)
    areas = ("customers", "orders", "products", "categories", "reviews")
    rows = [{"store_id": store_id, "area": one, "looked_at": NOW, "whole_at": NOW} for one in areas]
    with writing(engine) as connection:
        connection.execute(sa.insert(looks), rows)
    return store_id


def test_a_flow_is_previewed_by_the_latest_event_of_a_recipient(ledger: Engine) -> None:
    store_id = shop(ledger, person(1), person(2, accepts_marketing=False))
    for cart, ago, whose in (("old", 3 * DAY, 1), ("last", 5 * HOUR, 1), ("theirs", HOUR, 2)):
        add_cart(ledger, store_id, cart, customer_id=whose, updated_at=NOW - ago, total=Decimal(len(cart)))
    found = looked_at(ledger, campaign("cart_abandoned", FLOW))
    by = found.by
    assert (by.example.facts["cart"]["id"], by.example.happened_at) == ("last", NOW - 5 * HOUR)
    assert by.person is not None
    assert by.person.customer_id == 1
    due = [step.preview.timing.begins - NOW for step in found.steps]
    assert due == [2 * HOUR, DAY + 2 * HOUR, 5 * DAY + 2 * HOUR]
    assert [step.ends for step in found.steps] == [
        (),
        ("customers who have ordered since",),
        ("customers who have ordered since", "customers who have used their code"),
    ]
    assert [step.preview.proposal.code_count for step in found.steps if step.preview.proposal.offer] == [1]
    assert (found.codes, found.emails, found.steps[2].shows_code_of) == (1, 3, 2)
    assert found.money.worst == found.steps[1].preview.proposal.exposure.worst_case != 0
    assert SUBJECTS[0] == "€4.00 wait"
    ends = found.steps[1].preview.timing.works[0].end
    assert SUBJECTS[2] == f"until {ends:%B} {ends.day}, {ends.year}", "of the code that step 2 gives"


def test_how_often_it_usually_happens_makes_a_week(ledger: Engine) -> None:
    store_id = shop(ledger, person(1))
    for number in range(56):
        add_cart(ledger, store_id, f"c{number}", updated_at=NOW - number * 12 * HOUR)
    found = looked_at(ledger, campaign("cart_abandoned", FLOW))
    assert (found.usual.a_day, found.times_a_week) == (2, 14)
    assert (found.a_week(found.codes), found.a_week(found.emails)) == (14, 42)
    assert found.money.worst is not None
    assert found.money_a_week.worst == 14 * found.money.worst


def test_a_preview_writes_nothing(ledger: Engine) -> None:
    add_cart(ledger, shop(ledger, person(1)), "c")
    looked_at(ledger, campaign("cart_abandoned", FLOW))
    with reading(ledger) as connection:
        for table in (entries, runs, plans):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


@pytest.mark.parametrize(
    ("on", "subject", "says"),
    [
        ("customer_created", "hello", "hello"),
        ("{order_placed: {total_at_least: 70}}", "{{ order.total | money }}", "€70.00"),
        ("cart_abandoned", "{{ cart.total | money }}", "€50.00"),
        ("{spent_reached: {amount: 500}}", "hello", "hello"),
        ("{inactive: {for: 90d}}", "hello", "hello"),
        ("first_order_anniversary", "hello", "hello"),
        ("{birthday: {field: Birthday}}", "hello", "hello"),
        ("{review_left: {rating_at_least: 3}}", "{{ review.rating }} {{ product.name }}", "3 Sencha 5"),
        ("favourite_added", "{{ product.sku }}", "TEA-5"),
        ("favourite_price_drop", "{{ earlier.price | money }} {{ product.sku }}", "€24.00 TEA-5"),
        ("favourite_back_in_stock", "{{ product.sku }}", "TEA-5"),
        ("{group_entered: {group: Staff}}", "hello", "hello"),
        ("time_to_buy_again", "hello", "hello"),
        ("{segment_entered: {segment: staff}}", "hello", "hello"),
        ("{segment_left: {segment: staff}}", "hello", "hello"),
        ("{custom: {event: quiz}}", "{{ event.score }} of {{ customer.first_name }}", "(score) of Eva"),
    ],
)
def test_an_event_that_never_happened_is_made_up_and_marked_so(
    sqlite_url: str, on: str, subject: str, says: str
) -> None:
    engine = open_engine(sqlite_url)
    add_product(engine, shop(engine), 5)
    found = looked_at(engine, campaign(on, OFFER.replace("SUBJECT", subject)))
    engine.dispose()
    assert found.by.example.made_up
    assert found.by.note == "there was no such event within a year"
    assert (found.codes, found.emails, found.usual.a_day) == (1, 1, 0)
    assert [says] == SUBJECTS
    said = dict(event_rows(found))
    assert said["example"].startswith("MADE-UP SAMPLE")
    assert say_often(found.usual.a_day) in said["usually"]


@pytest.mark.parametrize(
    ("on", "real"),
    [("{overstocked: {over: 5}}", True), ("{overstocked: {over: 50}}", False), ("back_in_stock", False)],
)
def test_a_products_event_is_for_the_campaigns_audience(sqlite_url: str, on: str, real: bool) -> None:
    engine = open_engine(sqlite_url)
    store_id = shop(engine, *(person(number, orders=2, last_order_at=NOW - 200 * DAY) for number in (1, 2)))
    add_product(engine, store_id, 5, quantity=10)
    text = campaign(on, OFFER.replace("SUBJECT", "{{ product.name }}"), who="who: {segment: lapsed-90}")
    found = looked_at(engine, text.replace("value: 10", "value: 10, applies_to: {products: ['{product}']}"))
    engine.dispose()
    assert found.by.person is None
    assert found.by.example.made_up is not real
    assert (found.codes, found.emails) == (2, 2)
    assert found.first.proposal.offer.startswith("10% off Sencha 5")
    assert SUBJECTS == ["Sencha 5"] * 2


def test_a_birthday_is_the_next_one_and_its_codes_are_of_that_day(ledger: Engine) -> None:
    store_id = shop(ledger, person(1), person(2))
    born = [(1, "1990-11-22"), (2, "1980-12-24")]
    rows = [
        {"store_id": store_id, "customer_id": who, "title": "Birthday", "value": day} for who, day in born
    ]
    with writing(ledger) as connection:
        connection.execute(sa.insert(customer_fields), rows)
    text = campaign("{birthday: {field: Birthday}}", OFFER)
    found = looked_at(ledger, text)
    assert found.by.person is not None
    assert (found.by.person.customer_id, found.first.timing.begins) == (
        2,
        datetime(2026, 12, 23, 23, tzinfo=UTC),
    )
    mine = looked_at(ledger, text, to=["Customer1@example.com"])
    assert mine.first.timing.begins == datetime(2027, 11, 21, 23, tzinfo=UTC)
    at = looked_at(ledger, text, at=NOW + DAY)
    assert at.first.timing.begins == NOW + DAY


def test_the_event_happens_to_the_customer_asked_for_or_is_refused_with_the_reason(ledger: Engine) -> None:
    store_id = shop(ledger, person(1), person(2), person(3, accepts_marketing=False))
    add_cart(ledger, store_id, "c", customer_id=1)
    text = campaign("cart_abandoned", FLOW)
    mine = looked_at(ledger, text, to=["customer2@example.com"])
    assert mine.by.person is not None
    assert mine.by.person.customer_id == 2
    assert mine.by.example.made_up
    assert "(the customer is real)" in dict(event_rows(mine))["example"]
    for to, said in (
        (["customer3@example.com"], "no consent to e-mails"),
        (["nobody@example.com"], "no customer of the store has this address"),
        (["a@example.com", "b@example.com"], "one customer at a time"),
    ):
        with pytest.raises(Refused, match=said):
            looked_at(ledger, text, to=to)


def test_a_note_says_why_the_latest_events_brought_nobody_an_e_mail(ledger: Engine) -> None:
    store_id = shop(ledger, person(1, accepts_marketing=False))
    add_order(ledger, store_id, "o", created_at=NOW - DAY)
    found = looked_at(ledger, campaign("order_placed", OFFER))
    assert found.by.note == ("the latest such events brought nobody an e-mail: no consent to e-mails")
    assert found.by.person is not None
    assert (found.by.person.customer_id, found.emails) == (0, 1)


@pytest.mark.parametrize(
    ("a_day", "said"),
    [
        ("0", "never"),
        ("12.345", "about 12 a day"),
        ("3.5", "about 3.5 a day"),
        ("0.5", "about 3.5 a week"),
        ("0.036", "about 1 in 4 weeks"),
        ("0.001", "less than once in 4 weeks"),
    ],
)
def test_how_often_is_said_in_words(a_day: str, said: str) -> None:
    assert say_often(Decimal(a_day)) == said


@pytest.mark.parametrize(("total", "off"), [(80, "€12 off"), (500, "€30 off")])
def test_a_capped_percentage_is_shown_as_the_till_applies_it(ledger: Engine, total: int, off: str) -> None:
    shop(ledger, person(1))
    add_cart(
        ledger,
        1,
        "c1",
        total=Decimal(total),
        subtotal=Decimal(total),
        created_at=NOW - DAY,
        updated_at=NOW - DAY,
    )
    offer = "offer: {kind: percent, value: 15, at_most: 30, valid: {for: 14d}}"
    mail = (
        'message: {template: note, subject: "{{ offer.discount }} from {{ code.minimum_subtotal | money }}"}'
    )
    looked_at(ledger, campaign("cart_abandoned", f"{offer}\n{mail}"))
    assert [subject.partition(" from")[0] for subject in SUBJECTS] == [off]


def test_a_made_up_cart_has_the_discount_that_its_total_comes_to(ledger: Engine) -> None:
    shop(ledger)
    offer = "offer: {kind: percent, value: 15, at_most: 30, valid: {for: 14d}}"
    mail = 'message: {template: note, subject: "{{ offer.discount }}, {{ cart.total | money }}: {{ offer.text }}"}'
    looked_at(ledger, campaign("cart_abandoned", f"{offer}\n{mail}"))
    assert [subject.partition(":")[0] for subject in SUBJECTS] == ["€7 off, €50.00"]


@pytest.mark.parametrize(
    ("on", "note"),
    [
        (
            "{group_entered: {group: Genral}}",
            "No customer is in the group 'Genral'; there is 'General' (1 customer).",
        ),
        ("{group_entered: {group: General}}", ""),
        ("{time_to_buy_again: {product: TEA-6}}", "The store has no product 'TEA-6' (did you mean TEA-5?)."),
        ("{time_to_buy_again: {product: TEA-5}}", ""),
        ("{overstocked: {over: 5, categories: [Pots]}}", "The store has no category 'Pots'."),
        (
            "{order_placed: {products: [TEA-6], categories: [Pots]}}",
            "The store has no product 'TEA-6' (did you mean TEA-5?); the store has no category 'Pots'.",
        ),
        ("{order_placed: {products: [TEA-5]}}", ""),
        ("{birthday: {field: Brithday}}", "No customer has the field 'Brithday'; no customer has any."),
    ],
)
def test_a_name_that_the_store_does_not_have_is_noted(sqlite_url: str, on: str, note: str) -> None:
    engine = open_engine(sqlite_url)
    add_product(engine, shop(engine, person(1, orders=2, last_order_at=NOW - 200 * DAY)), 5)
    who = "who: {segment: lapsed-90}" if "stock" in on else ""
    found = looked_at(engine, campaign(on, OFFER.replace("SUBJECT", "hello"), who=who))
    engine.dispose()
    assert found.notes == ((note,) if note else ())
