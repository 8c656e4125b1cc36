"""Each event brings its customer in once, if the campaign waits for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.flows.events import (
    BEFORE,
    add_cart,
    add_order,
    add_product,
    book_of,
    campaign,
    entered,
    person,
    shop_with,
)
from tests.shop import NOW, add_customers, counting
from tillroll.campaign.language.events.days import Birthday
from tillroll.campaign.language.models import When
from tillroll.campaign.states import EntryCause, EntryState
from tillroll.campaign.timing.yearly_days import dates_celebrated_on
from tillroll.flows.enroll import enroll, may_enter
from tillroll.flows.finders.birthday_field import say_birthdays
from tillroll.flows.finders.finder import PIECE
from tillroll.flows.steps import take_steps
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import (
    customer_fields,
    customers,
    events,
    favourites,
    reviews,
    stock_changes,
    stores,
)
from tillroll.plan.record.revisions import record_book

DAY = timedelta(days=1)


def looked(engine: Engine, store_id: int, at: datetime = NOW) -> list[str]:
    """The keys of all entries after a look; a second look finds nothing new."""
    enroll(engine, store_id=store_id, now=at)
    assert enroll(engine, store_id=store_id, now=at) == 0
    return [one.key for one in entered(engine)]


def insert(engine: Engine, table: sa.Table, *rows: dict[str, Any]) -> None:
    with writing(engine) as connection:
        connection.execute(sa.insert(table), list(rows))


def test_a_new_customer_enters_and_one_from_before_the_campaign_does_not(ledger: Engine) -> None:
    people = (person(1, registered_at=NOW), person(2, registered_at=BEFORE - DAY))
    store_id = shop_with(ledger, *people, hello=campaign("customer_created"))
    assert looked(ledger, store_id) == ["customer 1"]
    assert entered(ledger)[0].due_at == NOW


def test_a_delay_moves_the_first_step(ledger: Engine) -> None:
    text = campaign("customer_created").replace("on: customer_created", "on: customer_created, after: 2h")
    store_id = shop_with(ledger, person(1, registered_at=NOW), hello=text)
    looked(ledger, store_id)
    assert entered(ledger)[0].due_at == NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("{}", ["order A", "order B"]),
        ("{total_at_least: 60}", ["order B"]),
        ("{number: 1}", ["order A"]),
        ("{number: 2}", ["order B"]),
        ("{number: 3}", []),
    ],
)
def test_orders_enter_by_their_number_and_total(ledger: Engine, condition: str, keys: list[str]) -> None:
    text = campaign(f"{{order_placed: {condition}}}, again: {{after: 30m}}")
    store_id = shop_with(ledger, person(1, orders=2, last_order_at=NOW), thanks=text)
    add_order(ledger, store_id, "A", created_at=NOW - timedelta(hours=2))
    add_order(ledger, store_id, "B", created_at=NOW, total=Decimal(60))
    add_order(ledger, store_id, "C", created_at=NOW, payment_status="CANCELLED")
    add_order(ledger, store_id, "D", created_at=BEFORE - DAY)
    with writing(ledger) as connection:  # the first order of all is not the one that the mirror knows first
        connection.execute(sa.update(customers).values(orders=3))
    if condition.startswith("{number"):
        keys = {"{number: 1}": [], "{number: 2}": ["order A"], "{number: 3}": ["order B"]}[condition]
    assert looked(ledger, store_id) == keys


def test_a_guests_order_belongs_to_the_customer_with_that_address(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(7, email="Ziva@Example.com"), thanks=campaign("order_placed"))
    add_order(ledger, store_id, "A", customer_id=None, email="ziva@example.com")
    add_order(ledger, store_id, "B", customer_id=None, email="nobody@example.com")
    enroll(ledger, store_id=store_id, now=NOW)
    assert [one.customer_id for one in entered(ledger)] == [7]
    add_customers(ledger, store_id, person(8, email="nobody@example.com"))
    enroll(ledger, store_id=store_id, now=NOW)
    assert [one.customer_id for one in entered(ledger)] == [7, 8]


def test_a_cart_enters_when_it_is_left_and_worth_it(ledger: Engine) -> None:
    store_id = shop_with(
        ledger, person(1), person(2), cart=campaign("{cart_abandoned: {total_at_least: 50}}")
    )
    add_cart(ledger, store_id, "left")
    add_cart(ledger, store_id, "cheap", total=Decimal(20))
    add_cart(ledger, store_id, "hidden", hidden=True, customer_id=2)
    add_cart(ledger, store_id, "bought", recovered_order=5, customer_id=2)
    assert looked(ledger, store_id) == ["cart left"]
    assert entered(ledger)[0].due_at == NOW + timedelta(hours=1)  # an hour, when the file says nothing
    assert entered(ledger)[0].facts["cart"]["total"] == "80.00"


def test_a_tier_is_reached_by_customers_who_pass_it_not_by_those_already_above(ledger: Engine) -> None:
    people = (
        person(1, orders=5, spent=Decimal(520), last_order_at=NOW),
        person(2, orders=5, spent=Decimal(900), last_order_at=NOW),
        person(3, orders=5, spent=Decimal(499), last_order_at=NOW),
    )
    store_id = shop_with(ledger, *people, vip=campaign("{spent_reached: {amount: 500}}"))
    for number, total in ((1, 50), (2, 50), (3, 50)):
        add_order(ledger, store_id, str(number), customer_id=number, total=Decimal(total))
    assert looked(ledger, store_id) == ["spent 500 customer 1"]


def test_an_inactive_customer_enters_at_the_moment_the_time_is_over(ledger: Engine) -> None:
    people = (
        person(1, last_order_at=NOW - 91 * DAY),
        person(2, last_order_at=NOW - 89 * DAY),
        person(3, last_order_at=BEFORE - 100 * DAY),  # was inactive before the campaign began
        person(4),
    )
    store_id = shop_with(ledger, *people, winback=campaign("{inactive: {for: 90d}}"))
    looked(ledger, store_id)
    assert [one.customer_id for one in entered(ledger)] == [1]
    assert entered(ledger)[0].due_at == NOW - DAY


def test_the_anniversary_of_the_first_order_comes_every_year(ledger: Engine) -> None:
    zone = ZoneInfo("Europe/Ljubljana")
    today = NOW.astimezone(zone).replace(hour=0, minute=0)
    people = (
        person(1, first_order_at=today.replace(year=2024).astimezone(UTC)),
        person(
            2, first_order_at=(today.replace(year=2023) + timedelta(hours=23, minutes=59)).astimezone(UTC)
        ),
        person(3, first_order_at=(today.replace(year=2024) - timedelta(minutes=1)).astimezone(UTC)),
        person(4, first_order_at=today.astimezone(UTC)),
    )
    text = campaign("first_order_anniversary, again: {after: 300d}")
    store_id = shop_with(ledger, *people, first_seen=NOW - timedelta(hours=20), year=text)
    assert sorted(looked(ledger, store_id)) == ["anniversary 2026 customer 1", "anniversary 2026 customer 2"]
    assert entered(ledger)[0].happened_at == today.astimezone(UTC)
    assert len(looked(ledger, store_id, NOW + 365 * DAY)) >= 4


@pytest.mark.parametrize("again", [{}, {"again": {"after": "365d"}}, {"again": {"after": "52w"}}])
@pytest.mark.parametrize("day", ["10-25", "10-26", "03-28", "02-29", "12-31", "01-01"])
def test_a_yearly_day_comes_every_year(again: dict[str, Any], day: str) -> None:
    zone, month, number = ZoneInfo("Europe/Ljubljana"), int(day[:2]), int(day[3:])
    when = When.model_validate({"on": {"birthday": {"field": "Birthday"}}, **again})
    years = range(2024, 2033)
    starts = [
        datetime(year, month, number, tzinfo=zone)
        if day != "02-29" or year % 4 == 0
        else datetime(year, 2, 28, tzinfo=zone)
        for year in years
    ]
    for times, (earlier, later) in enumerate(pairwise(starts), start=1):
        known = (times, earlier.astimezone(UTC))
        assert may_enter(when.how_often, known, later.astimezone(UTC), zone), later


def test_a_birthday_is_read_from_the_field_the_file_names(ledger: Engine) -> None:
    values = {
        1: ("Birthday", "1990-11-25"),
        2: ("Birthday", "25 November"),
        3: ("Name day", "1990-11-25"),
        4: ("Birthday", "25.11.1990"),
        5: ("Birthday", "11/25/1990"),  # shows that the month comes first in this field
        6: ("Birthday", "11/05/1990"),
        7: ("Birthday", "whenever"),
        8: ("Birthday", "1925-01-11"),
    }
    store_id = shop_with(
        ledger,
        *map(person, values),
        first_seen=NOW - timedelta(hours=20),
        cake=campaign("{birthday: {field: Birthday, before: 2d}}"),
        later=campaign("{birthday: {field: Birthday, before: 9d}}"),
    )
    for number, (title, value) in values.items():
        insert(
            ledger,
            customer_fields,
            {"store_id": store_id, "customer_id": number, "title": title, "value": value},
        )
    looked(ledger, store_id)
    assert sorted(one.customer_id for one in entered(ledger) if one.campaign == "cake") == [1, 2, 4, 5]
    with reading(ledger) as connection:
        (note,) = say_birthdays(connection, store_id, Birthday(field="Birthday"))
        assert (
            note
            == "1 customer gets nothing: the field 'Birthday' holds no date that can be read, like 'whenever'."
        )
        assert "No customer has the field 'Brithday'; there is 'Birthday' (7 customers)." in say_birthdays(
            connection, store_id, Birthday(field="Brithday")
        )


@pytest.mark.parametrize(
    ("written", "count"), [("", 0), (", written: day_first", 1), (", written: month_first", 0)]
)
def test_an_order_that_nothing_shows_is_not_guessed(ledger: Engine, written: str, count: int) -> None:
    store_id = shop_with(
        ledger,
        person(1),
        first_seen=NOW - timedelta(hours=20),
        cake=campaign(f"{{birthday: {{field: Birthday{written}, before: 9d}}}}"),
    )
    row = {"store_id": store_id, "customer_id": 1, "title": "Birthday", "value": "02/12/1990"}
    insert(ledger, customer_fields, row)
    looked(ledger, store_id)
    assert len(entered(ledger)) == count
    with reading(ledger) as connection:
        notes = list(say_birthdays(connection, store_id, Birthday(field="Birthday")))
    assert ["either number may be the month" in note for note in notes] == [True]


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)), st.integers(1, 60))
def test_every_birthday_is_celebrated_exactly_once_a_year(born: date, age: int) -> None:
    year = born.year + age
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(366)]
    kept = [day for day in days if day.year == year and born in dates_celebrated_on(day)]
    assert len(kept) == 1
    assert (kept[0].month, kept[0].day) == (born.month, born.day) or (born.month, born.day) == (2, 29)


def test_a_good_review_enters_when_it_is_published(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(1), person(2), thanks=campaign("{review_left: {rating_at_least: 4}}"))
    add_product(ledger, store_id, 5)
    plain = {
        "store_id": store_id,
        "product_id": 5,
        "order_id": "",
        "email": "",
        "published": True,
        "created_at": NOW,
        "updated_at": NOW,
        "seen_at": NOW,
    }
    insert(
        ledger,
        reviews,
        {**plain, "review_id": 1, "customer_id": 1, "rating": 5},
        {**plain, "review_id": 2, "customer_id": 2, "rating": 3},
        {**plain, "review_id": 3, "customer_id": 2, "rating": 5, "published": False},
    )
    assert looked(ledger, store_id) == ["review 1"]
    assert entered(ledger)[0].facts == {
        "review": {"rating": 5},
        "product": {"id": 5, "name": "Sencha 5", "sku": "TEA-5", "price": "12.00", "url": "", "picture": ""},
    }


def test_a_favourite_enters_when_it_is_marked(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(1), love=campaign("favourite_added"))
    add_product(ledger, store_id, 5)
    marked = {"store_id": store_id, "customer_id": 1, "product_id": 5, "added_at": NOW}
    insert(ledger, favourites, marked, {**marked, "product_id": 6, "added_at": BEFORE - DAY})
    assert looked(ledger, store_id) == ["favourite 5 customer 1"]


def test_a_product_that_is_back_enters_for_itself(ledger: Engine) -> None:
    store_id = shop_with(ledger, back=campaign("back_in_stock", who="who: {segment: regulars}"))
    add_product(ledger, store_id, 5)
    add_product(ledger, store_id, 6, in_stock=False, quantity=0)
    change = {
        "store_id": store_id,
        "product_id": 5,
        "was_in_stock": False,
        "in_stock": True,
        "quantity_before": 0,
        "quantity": 10,
        "at": NOW,
    }
    insert(ledger, stock_changes, change, {**change, "product_id": 6})
    found = looked(ledger, store_id)
    assert len(found) == 1
    assert entered(ledger)[0].product_id == 5
    assert entered(ledger)[0].customer_id is None


@pytest.mark.parametrize(
    ("on", "products_in"),
    [("{overstocked: {over: 50}}", [5]), ("{low_stock: {below: 5}}", [6]), ("low_stock", [7])],
)
def test_products_enter_by_how_many_there_are(ledger: Engine, on: str, products_in: list[int]) -> None:
    store_id = shop_with(ledger, stock=campaign(on, who="who: {segment: regulars}"))
    add_product(ledger, store_id, 5, quantity=51)
    add_product(ledger, store_id, 6, quantity=4)
    add_product(ledger, store_id, 7, quantity=9, low_stock_at=9)
    add_product(ledger, store_id, 8, quantity=None)
    looked(ledger, store_id)
    assert [one.product_id for one in entered(ledger)] == products_in
    assert looked(ledger, store_id, NOW + DAY)
    assert len(entered(ledger)) == 1, "a product doesn't enter again unless the file says so"


def test_a_custom_event_enters_with_its_data(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(1), quiz=campaign("{custom: {event: quiz}}"))
    event = {
        "store_id": store_id,
        "event_id": "custom.quiz q1",
        "kind": "custom.quiz",
        "entity": "q1",
        "data": {"email": "customer1@example.com", "data": {"score": 9, "name": "مرحبا 🎉"}},
        "happened_at": NOW,
        "received_at": NOW,
    }
    insert(ledger, events, event, {**event, "event_id": "custom.other q1", "kind": "custom.other"})
    assert looked(ledger, store_id) == ["event q1"]
    assert entered(ledger)[0].facts == {"event": {"score": 9, "name": "مرحبا 🎉"}}


@pytest.mark.parametrize(
    ("again", "times"),
    [
        ("", 1),
        (", again: {after: 1h}", 3),
        (", again: {after: 3h}", 2),
        (", again: {after: 30m, most: 2}", 2),
    ],
)
def test_the_same_customer_enters_again_only_as_often_as_the_file_says(
    ledger: Engine, again: str, times: int
) -> None:
    store_id = shop_with(ledger, person(1), thanks=campaign(f"order_placed{again}"))
    for number in range(3):
        add_order(ledger, store_id, str(number), created_at=NOW - timedelta(hours=4 - 2 * number))
    looked(ledger, store_id)
    assert len(entered(ledger)) == times


def test_nobody_enters_a_campaign_that_is_not_active(ledger: Engine) -> None:
    text = campaign("customer_created").replace("status: active", "status: paused")
    store_id = shop_with(ledger, person(1, registered_at=NOW), hello=text)
    assert looked(ledger, store_id) == []


def test_events_from_when_a_campaign_was_a_draft_do_not_count(ledger: Engine) -> None:
    text = campaign("customer_created")
    store_id = shop_with(
        ledger,
        person(1, registered_at=NOW - DAY),
        person(2, registered_at=NOW + timedelta(minutes=1)),
        hello=text.replace("status: active", "status: draft"),
    )
    assert looked(ledger, store_id) == []
    record_book(ledger, store_id=store_id, book=book_of(hello=text), now=NOW)
    assert looked(ledger, store_id, NOW + timedelta(minutes=2)) == ["customer 2"]


def test_more_events_than_are_read_in_one_piece_all_enter(ledger: Engine) -> None:
    people = [person(number, registered_at=NOW) for number in range(1, 2 * PIECE + 8)]
    store_id = shop_with(ledger, *people, hello=campaign("customer_created"))
    assert len(looked(ledger, store_id)) == 2 * PIECE + 7


def test_an_event_of_an_unknown_customer_ends_with_the_reason_once_the_store_had_time(ledger: Engine) -> None:
    store_id = shop_with(ledger, thanks=campaign("order_placed"))
    add_order(ledger, store_id, "A", customer_id=None, email="nobody@example.com")
    add_order(ledger, store_id, "B", customer_id=99)
    assert looked(ledger, store_id) == []
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(customers_at=NOW + timedelta(minutes=3)))
    looked(ledger, store_id, NOW + timedelta(minutes=3))
    assert {(one.key, one.state, one.cause) for one in entered(ledger)} == {
        ("order A", EntryState.LEFT, EntryCause.UNKNOWN_CUSTOMER),
        ("order B", EntryState.LEFT, EntryCause.UNKNOWN_CUSTOMER),
    }


def test_a_guest_who_bought_before_is_no_first_time_buyer(ledger: Engine) -> None:
    store_id = shop_with(
        ledger,
        person(1, orders=3, last_order_at=NOW),
        first=campaign("{order_placed: {number: 1}}"),
        third=campaign("{order_placed: {number: 3}}"),
    )
    add_order(ledger, store_id, "A", customer_id=None, email="Customer1@example.com")
    looked(ledger, store_id)
    assert [one.campaign for one in entered(ledger)] == ["third"]


def test_an_event_that_reaches_the_mirror_late_still_enters(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(1), thanks=campaign("order_placed"), love=campaign("favourite_added"))
    looked(ledger, store_id)
    later = NOW + DAY
    add_order(ledger, store_id, "A", created_at=NOW - timedelta(hours=3), seen_at=later)
    insert(
        ledger,
        favourites,
        {"store_id": store_id, "customer_id": 1, "product_id": 5, "added_at": NOW - timedelta(hours=3)},
    )
    with writing(ledger) as connection:
        connection.execute(sa.update(customers).values(seen_at=later))
    assert sorted(looked(ledger, store_id, later)) == ["favourite 5 customer 1", "order A"]


def test_a_product_enters_again_when_the_file_says_so_and_it_is_still_so(ledger: Engine) -> None:
    text = campaign("{overstocked: {over: 50}}, again: {after: 7d}", who="who: {segment: regulars}")
    store_id = shop_with(ledger, stock=text)
    add_product(ledger, store_id, 5, quantity=51)
    for days in range(15):
        enroll(ledger, store_id=store_id, now=NOW + days * DAY)
    assert [one.happened_at for one in entered(ledger)] == [NOW, NOW + 7 * DAY, NOW + 14 * DAY]


def test_within_an_hour_only_changed_products_are_read(ledger: Engine) -> None:
    store_id = shop_with(ledger, stock=campaign("{overstocked: {over: 50}}", who="who: {segment: regulars}"))
    looked(ledger, store_id)
    add_product(ledger, store_id, 5, quantity=51, seen_at=NOW - DAY)
    add_product(ledger, store_id, 6, quantity=51, seen_at=NOW + timedelta(minutes=20))
    looked(ledger, store_id, NOW + timedelta(minutes=30))
    assert [one.product_id for one in entered(ledger)] == [6]
    looked(ledger, store_id, NOW + timedelta(hours=1))
    assert [one.product_id for one in entered(ledger)] == [6, 5]


def test_a_store_without_event_campaigns_is_not_searched(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(1))
    with counting(ledger) as sent:
        enroll(ledger, store_id=store_id, now=NOW)
        take_steps(ledger, store_id=store_id, now=NOW)
    assert not [one for one in sent if "customers" in one or "orders" in one]
    assert len([one for one in sent if "entries" in one]) == 1, "whether a step is due"


def test_all_customers_are_read_when_a_day_begins_and_once_an_hour(ledger: Engine) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=ZoneInfo("Europe/Ljubljana")).astimezone(UTC)
    born = {"store_id": 1, "title": "Birthday", "value": "1990-11-24"}
    store_id = shop_with(
        ledger, *(person(number) for number in (1, 2, 3)), cake=campaign("{birthday: {field: Birthday}}")
    )
    insert(ledger, customer_fields, {**born, "customer_id": 1})
    looked(ledger, store_id, midnight - timedelta(minutes=20))
    assert looked(ledger, store_id, midnight) == ["birthday 2026 customer 1"]
    looked(ledger, store_id, midnight + timedelta(minutes=12))
    insert(ledger, customer_fields, {**born, "customer_id": 2}, {**born, "customer_id": 3})
    with writing(ledger) as connection:  # the mirror has news of one of them
        who = customers.c.customer_id == 2
        connection.execute(sa.update(customers).where(who).values(seen_at=midnight + timedelta(minutes=15)))
    assert len(looked(ledger, store_id, midnight + timedelta(minutes=30))) == 2
    assert len(looked(ledger, store_id, midnight + timedelta(hours=1))) == 3
