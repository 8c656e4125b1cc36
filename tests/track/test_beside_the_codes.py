"""The mirror reads what the store does beside Tillroll's codes: its own e-mails, its promotions and its prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import add_store
from tests.store import turn
from tests.track.room import CLOCK, call, session_of
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import customers, group_changes, product_prices, products, promotions
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.areas import CUSTOMERS, PRODUCTS
from tillroll.track.mirror.promotions import sync_promotions
from tillroll.track.mirror.sync import sync, sync_one, sync_profile


def rows(engine: Engine, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(query)]


def own_emails(engine: Engine, client: Client, store_id: int) -> list[str]:
    sync_profile(engine, client, store_id=store_id, now=CLOCK.now())
    with reading(engine) as connection:
        return list(load_store(connection, store_id).own_emails)


def test_the_stores_own_e_mails_are_known_by_its_profile(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    assert own_emails(ledger, client, store_id) == []
    on = {
        "abandonedCartRecovery": {"enabled": True, "discountCouponId": 3},
        "inactiveCustomerReminder": {"enabled": True},
    }
    call(client, "PUT", "/profile", {"mailNotifications": {"customerMarketingMessages": on}})
    assert own_emails(ledger, client, store_id) == ["abandonedCartRecovery", "inactiveCustomerReminder"]


def test_the_older_switch_for_abandoned_carts_counts(ledger: Engine, client: Client) -> None:
    call(client, "PUT", "/profile", {"settings": {"abandonedSales": {"autoAbandonedSalesRecovery": True}}})
    assert own_emails(ledger, client, add_store(ledger)) == ["abandonedCartRecovery"]


def test_promotions_are_read_whole_and_forgotten_when_they_end(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    triggers = {"subtotal": 40, "endDate": "2026-12-31 22:59:59 +0000", "customerGroups": [1]}
    made = {
        "name": "Groups",
        "discountBase": "SUBTOTAL",
        "discountType": "ABSOLUTE",
        "amount": 5,
        "triggers": triggers,
    }
    call(client, "POST", "/promotions", made)
    shown = sa.select(
        promotions.c.name,
        promotions.c.base,
        promotions.c.amount,
        promotions.c.least_subtotal,
        promotions.c.is_limited,
    ).order_by(promotions.c.promotion_id)
    sync_promotions(session_of(ledger, client, store_id), set())
    assert rows(ledger, shown) == [
        ("Free post from 100 €", "SHIPPING", Decimal(100), Decimal(100), False),
        ("Groups", "SUBTOTAL", Decimal(5), Decimal(40), True),
    ]
    (ends,) = rows(ledger, sa.select(promotions.c.ends_at).where(promotions.c.name == "Groups"))
    assert ends[0].isoformat() == "2026-12-31T22:59:59+00:00"
    first = next(iter(client.shop.promotions())).promotion_id
    call(client, "DELETE", f"/promotions/{first}", None)
    sync_promotions(session_of(ledger, client, store_id), set())
    assert [name for name, *_ in rows(ledger, shown)] == ["Groups"]


def test_a_token_without_the_scope_is_asked_once(ledger: Engine, sandbox: Sandbox, client: Client) -> None:
    store_id, lacking = add_store(ledger), set[str]()
    turn(sandbox, missing_scopes=["read_promotion"])
    for _ in range(2):
        sync_promotions(session_of(ledger, client, store_id), lacking)
    assert (lacking, rows(ledger, sa.select(promotions.c.name))) == ({"promotions"}, [])


def test_each_price_is_kept_with_its_first_day(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    sync(session_of(ledger, client, store_id), PRODUCTS)
    history = sa.select(product_prices.c.product_id, product_prices.c.variation_id, product_prices.c.price)
    first = rows(ledger, history)
    assert {(product, price) for product, variation, price in first if not variation} == set(
        rows(ledger, sa.select(products.c.product_id, products.c.price))
    )
    product_id, _, price = next(row for row in first if not row[1])
    call(
        client, "PUT", f"/products/{product_id}", {"price": float(price) - 1, "compareToPrice": float(price)}
    )
    for _ in range(2):
        sync_one(session_of(ledger, client, store_id), PRODUCTS, str(product_id))
    of_product = history.where(product_prices.c.product_id == product_id, product_prices.c.variation_id == 0)
    assert [row[2] for row in rows(ledger, of_product.order_by(product_prices.c.since))] == [price, price - 1]
    reduced = sa.select(products.c.compare_to_price).where(products.c.product_id == product_id)
    assert rows(ledger, reduced) == [(price,)]


def test_a_customer_who_moves_to_another_group_is_noted_once(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    sync(session_of(ledger, client, store_id), CUSTOMERS)
    shown = sa.select(group_changes.c.customer_id, group_changes.c.was, group_changes.c.group_name)
    assert rows(ledger, shown) == [], "who was there before the first look has entered nothing"
    ((customer_id, was),) = rows(ledger, sa.select(customers.c.customer_id, customers.c.group_name).limit(1))
    group = call(client, "POST", "/customer_groups", {"name": "Wholesale"})["id"]
    call(client, "PUT", f"/customers/{customer_id}", {"customerGroupId": group})
    for _ in range(2):
        sync_one(session_of(ledger, client, store_id), CUSTOMERS, str(customer_id))
    assert rows(ledger, shown) == [(customer_id, was, "Wholesale")]
