"""Time to buy again, favourites that got cheaper or came back, groups that were entered, stock of a category: found once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import add_order, add_product, campaign, person, shop_with
from tests.shop import NOW
from tillroll.flows.enroll import enroll
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import (
    categories,
    entries,
    favourites,
    group_changes,
    order_items,
    product_categories,
    product_prices,
    products,
    stock_changes,
)

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)  # in Ljubljana, the day after `NOW`
BEFORE_MIDNIGHT, AFTER_MIDNIGHT = MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=2)
NOON = MIDNIGHT + timedelta(hours=12)


def entered(engine: Engine) -> list[tuple[int, dict[str, Any]]]:
    with reading(engine) as connection:
        query = sa.select(entries.c.customer_id, entries.c.facts).order_by(entries.c.customer_id)
        return [(row.customer_id, row.facts) for row in connection.execute(query)]


def write(engine: Engine, table: sa.Table, *rows: dict[str, Any]) -> None:
    with writing(engine) as connection:
        connection.execute(sa.insert(table), [{"store_id": 1, **row} for row in rows])


def look(engine: Engine, *moments: datetime) -> None:
    for moment in moments:
        enroll(engine, store_id=1, now=moment)


def ordered(engine: Engine, customer_id: int, days_before: Iterable[int]) -> None:
    """Add orders of a customer, so many days before the day that begins at `MIDNIGHT`, at noon."""
    for days in days_before:
        at = NOON - days * DAY
        add_order(engine, 1, f"{customer_id}-{days}", customer_id=customer_id, created_at=at, seen_at=at)


# --- time to buy again ---


@pytest.mark.parametrize(
    ("days_before", "is_due"),
    [
        ((90, 60, 30), True),  # every 30 days, and the last one 30 days ago
        ((91, 61, 31), False),
        ((89, 59, 29), False),
        ((120, 50, 30, 20), True),  # distances of 70, 20 and 10 days: the median is 20
        ((60, 30), False),  # two orders are no rhythm
        ((60, 60, 30), False),  # nor are two on one day
    ],
)
def test_a_customers_own_rhythm_is_the_median_of_the_distances(
    ledger: Engine, days_before: tuple[int, ...], is_due: bool
) -> None:
    rows = {"orders": len(days_before), "last_order_at": NOON - min(days_before) * DAY}
    shop_with(ledger, person(1, **rows), first_seen=BEFORE_MIDNIGHT, again=campaign("time_to_buy_again"))
    for place, days in enumerate(days_before):
        at = NOON - days * DAY - place * timedelta(minutes=1)
        add_order(ledger, 1, f"A{place}", customer_id=1, created_at=at, seen_at=at)
    look(ledger, AFTER_MIDNIGHT, AFTER_MIDNIGHT + timedelta(minutes=1), NOON)
    assert [customer for customer, _ in entered(ledger)] == ([1] if is_due else [])
    if is_due:
        assert entered(ledger)[0][1]["days"] == min(days_before)


def test_a_products_rhythm_is_that_of_its_buyers(ledger: Engine) -> None:
    text = campaign("{time_to_buy_again: {product: TEA-01}}")
    shop_with(ledger, *map(person, range(1, 9)), first_seen=BEFORE_MIDNIGHT, tea=text)
    add_product(ledger, 1, 701, sku="TEA-01")
    bought = {1: (120, 90, 60), 2: (100, 70), 3: (95, 65), 4: (99, 69), 5: (30,), 6: (31,), 7: (29,)}
    rows = [
        {
            "order_id": f"{customer}-{days}",
            "line": 0,
            "product_id": 701,
            "sku": "TEA-01",
            "customer_id": customer,
            "bought_at": NOON - days * DAY,
        }
        for customer, times in bought.items()
        for days in times
    ]
    write(ledger, order_items, *rows)
    look(ledger, AFTER_MIDNIGHT)
    assert [customer for customer, _ in entered(ledger)] == [5]


def test_the_purchases_are_read_once_a_day(ledger: Engine) -> None:
    shop_with(
        ledger,
        person(1, orders=3, last_order_at=NOON - 30 * DAY),
        first_seen=AFTER_MIDNIGHT,
        again=campaign("time_to_buy_again"),
    )
    ordered(ledger, 1, (90, 60, 30))
    look(ledger, AFTER_MIDNIGHT + timedelta(hours=1), NOON)
    assert entered(ledger) == [], "the campaign was first seen after the day began"


# --- favourites ---


@pytest.mark.parametrize(
    ("again", "times"), [("", 3), ("again: {after: 7d}", 1), ("again: {after: 1d, most: 2}", 2)]
)
def test_each_favourite_that_is_back_brings_its_customer_in_anew(
    ledger: Engine, again: str, times: int
) -> None:
    """By default for each product and each time it is back: twice one favourite, once another, within three days."""
    text = campaign("favourite_back_in_stock").replace(
        "when: {", f"when: {{{again}, " if again else "when: {"
    )
    shop_with(ledger, person(1), watch=text)
    for product in (701, 702):
        add_product(ledger, 1, product)
        write(ledger, favourites, {"customer_id": 1, "product_id": product, "added_at": NOW - 9 * DAY})
    for place, product in enumerate((701, 702, 701)):
        at = NOW + place * DAY
        change = {"product_id": product, "was_in_stock": False, "in_stock": True, "quantity": 4, "at": at}
        write(ledger, stock_changes, change)
        look(ledger, at, at + timedelta(minutes=1))
    assert len(entered(ledger)) == times


def test_a_sale_of_many_favourites_brings_a_customer_in_once_a_day(ledger: Engine) -> None:
    shop_with(ledger, person(1), watch=campaign("favourite_price_drop"))
    for product in (701, 702):
        add_product(ledger, 1, product, price=Decimal(8))
        write(ledger, favourites, {"customer_id": 1, "product_id": product, "added_at": NOW - 9 * DAY})
    for product, at, entries_by_then in ((701, NOW, 1), (702, NOW, 1), (702, NOW + DAY, 2)):
        price = {"product_id": product, "variation_id": 0, "since": at, "price": Decimal(8)}
        write(ledger, product_prices, {**price, "since": at - DAY / 2, "price": Decimal(9)}, price)
        look(ledger, at)
        assert len(entered(ledger)) == entries_by_then


def with_favourites(engine: Engine, text: str, **values: Any) -> None:
    """A store where customers 1 and 2 have a favourite, and customer 3 has none."""
    shop_with(engine, person(1), person(2), person(3), watch=text)
    add_product(engine, 1, 701, sku="TEA-01", name="Sencha", price=Decimal(8), **values)
    marked = [{"customer_id": number, "product_id": 701, "added_at": NOW - 9 * DAY} for number in (1, 2)]
    write(engine, favourites, *marked)


@pytest.mark.parametrize(
    ("on", "earlier", "customers_told"),
    [
        ("favourite_price_drop", "10", [1, 2]),
        ("{favourite_price_drop: {by_at_least: 20%}}", "10", [1, 2]),
        ("{favourite_price_drop: {by_at_least: 21%}}", "10", []),
        ("favourite_price_drop", "7", []),
    ],
)
def test_who_marked_a_product_is_told_that_it_got_cheaper(
    ledger: Engine, on: str, earlier: str, customers_told: list[int]
) -> None:
    with_favourites(ledger, campaign(on))
    of_tea = {"product_id": 701, "variation_id": 0}
    write(
        ledger,
        product_prices,
        {**of_tea, "since": NOW - 40 * DAY, "price": Decimal(earlier)},
        {**of_tea, "since": NOW - timedelta(minutes=1), "price": Decimal(8)},
    )
    look(ledger, NOW, NOW + timedelta(minutes=1))
    assert [customer for customer, _ in entered(ledger)] == customers_told
    for _, facts in entered(ledger):
        assert (Decimal(facts["earlier"]["price"]), Decimal(facts["product"]["price"])) == (10, 8)


def test_a_price_that_rose_again_or_a_product_that_is_gone_is_not_told(ledger: Engine) -> None:
    with_favourites(ledger, campaign("favourite_price_drop"), in_stock=False)
    of_tea = {"product_id": 701, "variation_id": 0}
    old = {**of_tea, "since": NOW - 40 * DAY, "price": Decimal(10)}
    write(ledger, product_prices, old, {**of_tea, "since": NOW, "price": Decimal(8)})
    look(ledger, NOW)
    assert entered(ledger) == []
    with writing(ledger) as connection:
        connection.execute(sa.update(products).values(in_stock=True, price=Decimal(9)))
    look(ledger, NOW + timedelta(minutes=1))
    assert entered(ledger) == []


def test_who_marked_a_product_is_told_that_it_is_back(ledger: Engine) -> None:
    with_favourites(ledger, campaign("favourite_back_in_stock"))
    change = {"product_id": 701, "was_in_stock": False, "in_stock": True, "quantity": 4, "at": NOW}
    write(ledger, stock_changes, change)
    look(ledger, NOW, NOW + timedelta(minutes=1))
    assert [(customer, facts["product"]["name"]) for customer, facts in entered(ledger)] == [
        (1, "Sencha"),
        (2, "Sencha"),
    ]


# --- groups ---


def test_who_was_put_into_a_group_or_registered_in_it_is_found_once(ledger: Engine) -> None:
    shop_with(
        ledger,
        person(1, group_name="Wholesale"),
        person(2, group_name="Wholesale"),
        person(3, group_name="General"),
        person(4, group_name="Wholesale", registered_at=NOW, seen_at=NOW),
        trade=campaign("{group_entered: {group: Wholesale}}"),
    )
    moved = {"was": "General", "group_name": "Wholesale", "at": NOW}
    write(ledger, group_changes, {"customer_id": 1, **moved}, {"customer_id": 3, **moved})
    look(ledger, NOW, NOW + timedelta(minutes=1))
    assert [customer for customer, _ in entered(ledger)] == [1, 4]


# --- stock of a category ---


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("{overstocked: {over: 30, categories: [Tea]}}", [1, 2]),  # of the category, and of the one below it
        ("{overstocked: {over: 30, categories: [Tea/Green, cups]}}", [2, 3]),
        ("{overstocked: {over: 30, categories: [Pots]}}", []),  # no such category: nothing, not everything
        ("{low_stock: {below: 60, categories: [Cups]}}", [3]),
        ("{back_in_stock: {categories: [Green]}}", [2]),
    ],
)
def test_an_event_of_stock_is_of_the_categories_it_names(ledger: Engine, on: str, found: list[int]) -> None:
    shop_with(ledger, clear=campaign(on, who="who: {segment: regulars}"))
    tree = [(10, None, "Tea"), (11, 10, "Green"), (20, None, "Cups")]
    shelves = [
        {"category_id": own, "parent_id": parent, "name": name, "enabled": True, "seen_at": NOW}
        for own, parent, name in tree
    ]
    write(ledger, categories, *shelves)
    for product_id, category_id in ((1, 10), (2, 11), (3, 20), (4, None)):
        add_product(ledger, 1, product_id, quantity=50)
        if category_id is not None:
            write(ledger, product_categories, {"product_id": product_id, "category_id": category_id})
    back = {"was_in_stock": False, "in_stock": True, "quantity_before": 0, "quantity": 50, "at": NOW}
    write(ledger, stock_changes, *({"product_id": number, **back} for number in (1, 2, 3, 4)))
    look(ledger, NOW)
    with reading(ledger) as connection:
        query = sa.select(entries.c.product_id).order_by(entries.c.product_id)
        assert list(connection.scalars(query)) == found


def test_an_order_is_of_the_goods_that_the_file_names(ledger: Engine) -> None:
    """By SKU, by that of a variation's product, by a category below the one that is named."""
    texts = {
        "tea": "{order_placed: {products: [TEA-1]}}",
        "green": "{order_placed: {categories: [Tea]}}",
        "both": "{order_placed: {products: [CUP-1], categories: [Green]}}",
        "none": "{order_placed: {products: [NO-1], categories: [Pots]}}",
    }
    shop_with(ledger, *map(person, (1, 2, 3, 4)), **{name: campaign(on) for name, on in texts.items()})
    for own, parent, name in ((10, None, "Tea"), (11, 10, "Green")):
        row = {"category_id": own, "parent_id": parent, "name": name, "enabled": True, "seen_at": NOW}
        write(ledger, categories, row)
    add_product(ledger, 1, 1)
    add_product(ledger, 1, 2)
    write(ledger, product_categories, {"product_id": 2, "category_id": 11})
    for who, product_id, sku in ((1, 1, "TEA-1-L"), (2, 2, "TEA-2"), (3, None, "CUP-1"), (4, None, "OLD-9")):
        add_order(ledger, 1, f"o{who}", customer_id=who, created_at=NOW)
        line = {"order_id": f"o{who}", "line": 0, "product_id": product_id, "sku": sku, "quantity": 1}
        write(ledger, order_items, {**line, "customer_id": who, "bought_at": NOW})
    look(ledger, NOW)
    with reading(ledger) as connection:
        query = sa.select(entries.c.campaign, entries.c.customer_id)
        found = sorted((row.campaign, row.customer_id) for row in connection.execute(query))
    assert found == [("both", 2), ("both", 3), ("green", 2), ("tea", 1)]
