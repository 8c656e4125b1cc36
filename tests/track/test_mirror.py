"""The mirror equals the store in the end, however the store changes while it is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.shop import add_store
from tests.store import client_of, running
from tests.track.room import CLOCK, call, read_whole, session_of
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import customers, looks, orders, products, stores, variations
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.areas import AREAS, CATEGORIES, COUPONS, CUSTOMERS, ORDERS, PRODUCTS
from tillroll.track.mirror.follow import Following, follow_shop
from tillroll.track.mirror.sync import sync, sync_one


def lay(store: Sandbox, plan: dict[str, Any]) -> None:
    """Set the sandbox's faults; an empty plan ends them."""
    address = store.ready.base_url.removesuffix("/api/v3")
    method = "POST" if plan else "DELETE"
    requests.request(method, f"{address}/sandbox/faults", json=plan, timeout=60).raise_for_status()


def truth(store: Sandbox, sql: str) -> set[tuple[Any, ...]]:
    """Return rows of the store's own database."""
    return {tuple(row) for row in store.store.state.rows(sql)}


def mirror(engine: Engine, *columns: sa.Column[Any]) -> set[tuple[Any, ...]]:
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(sa.select(*columns))}


PLACED = (
    "select id, iif(coalesce(json_extract(body, '$.withdrawalRequested'), 0) and status not in ('CANCELLED', 'REFUNDED'),"
    " 'WITHDRAWN', status) from orders where status != 'INCOMPLETE'"
)
"""The orders and their statuses as they count here."""


def equal(engine: Engine, store: Sandbox) -> None:
    """Assert that customers, orders and coupons of the mirror equal the store's."""
    people = truth(store, "select id, email, consent, lang, orders from customers")
    ours = mirror(
        engine,
        customers.c.customer_id,
        sa.func.lower(customers.c.email),
        customers.c.accepts_marketing,
        customers.c.language,
        customers.c.orders,
    )
    flags = {None: None, 0: False, 1: True}
    assert ours == {(i, email, flags[consent], lang, n) for i, email, consent, lang, n in people}
    placed = truth(store, PLACED)
    assert mirror(engine, orders.c.order_id, orders.c.payment_status) == placed
    coupons = AREAS["coupons"].table.c
    made = {(i, json.loads(body)["name"]) for i, body in truth(store, "select id, body from coupons")}
    assert mirror(engine, coupons.coupon_id, coupons.name) == made


@contextmanager
def fresh(template: Path, folder: Path) -> Iterator[tuple[Engine, int]]:
    """Open a new ledger with one store in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copyfile(template, folder / "ledger.sqlite3")
    engine = open_engine(f"sqlite:///{folder / 'ledger.sqlite3'}")
    try:
        yield engine, add_store(engine, customers_at=None, orders_at=None)
    finally:
        engine.dispose()


@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0.2, 1.0),
    changes=st.lists(
        st.sampled_from(["insert", "update", "delete"]), min_size=1, max_size=3, unique=True
    ).map(sorted),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_rows_added_and_deleted_between_pages_are_noticed(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    share: float,
    changes: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("mirror")
    with (
        running(folder / "store", customers=330) as store,
        fresh(sqlite_template, folder / "ledger") as (engine, store_id),
        client_of(store) as client,
    ):
        lay(store, {"seed": seed, "shifting_pages": {"share": share, "changes": changes}})
        read_whole(engine, client, store_id)
        lay(store, {})
        for area in AREAS.values():
            sync(session_of(engine, client, store_id), area)
        equal(engine, store)


def test_changes_between_two_looks_are_read_and_deletions_removed(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    read_whole(ledger, client, store_id)
    equal(ledger, sandbox)
    call(client, "PUT", "/customers/5", {"acceptMarketing": False})
    call(client, "DELETE", "/customers/6")
    call(client, "POST", "/customers", {"email": "nova@example.com"})
    found = next(iter(client.orders.every()))
    call(client, "DELETE", f"/orders/{found.order_id}")
    for area in (CUSTOMERS, ORDERS, COUPONS):
        sync(session_of(ledger, client, store_id), area)
    equal(ledger, sandbox)


@pytest.mark.parametrize("told", ["name", "billingPerson"])
def test_a_customer_keeps_a_name_that_was_given_without_an_address(
    ledger: Engine, client: Client, told: str
) -> None:
    store_id = add_store(ledger)
    named = {"name": "Ana Novak"} if told == "name" else {"billingPerson": {"name": "Ana Novak"}}
    made = call(client, "POST", "/customers", {"email": "nova@example.com", **named})["id"]
    sync(session_of(ledger, client, store_id), CUSTOMERS)
    shown = (customers.c.customer_id, customers.c.name, customers.c.first_name)
    assert (made, "Ana Novak", "Ana") in mirror(ledger, *shown)
    call(
        client,
        "PUT",
        f"/customers/{made}",
        {"name": "Ana Kos"} if told == "name" else {"billingPerson": {"name": "Ana Kos"}},
    )
    sync(session_of(ledger, client, store_id), CUSTOMERS)
    assert (made, "Ana Kos", "Ana") in mirror(ledger, *shown)


def test_a_different_count_has_the_whole_area_read(ledger: Engine, sandbox: Sandbox, client: Client) -> None:
    store_id = add_store(ledger)
    sync(session_of(ledger, client, store_id), CUSTOMERS)
    with writing(ledger) as connection:  # lost, and kept too long: whatever the reason
        connection.execute(sa.delete(customers).where(customers.c.customer_id.in_([7, 8])))
        row = {"customer_id": 99_999, "store_id": store_id, "seen_at": CLOCK.now() - timedelta(days=1)}
        connection.execute(sa.insert(customers).values(row))
        connection.execute(sa.update(looks).values(whole_at=CLOCK.now() - timedelta(days=1)))
    sync(session_of(ledger, client, store_id), CUSTOMERS)
    everybody = {(i,) for (i,) in truth(sandbox, "select id from customers")}
    assert mirror(ledger, customers.c.customer_id) == everybody


def test_products_keep_their_stock_and_variations(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    sync(session_of(ledger, client, store_id), PRODUCTS)
    sync(session_of(ledger, client, store_id), CATEGORIES)
    tea = next(one for one in client.products.every() if one.sku == "TEA-01")
    body = {"options": [{"name": "Size", "value": "100 g"}], "sku": "TEA-01-L", "quantity": 3}
    variation = client.products.create_variation(tea.product_id, body)
    client.products.update(tea.product_id, {"quantity": 2, "warningLimit": 5})
    sync(session_of(ledger, client, store_id), PRODUCTS)
    where = products.c.sku == "TEA-01"
    with ledger.connect() as connection:
        row = connection.execute(sa.select(products).where(where)).one()
        sorts = connection.execute(
            sa.select(variations).where(variations.c.product_id == tea.product_id)
        ).all()
    assert (row.quantity, row.low_stock_at, row.in_stock) == (2, 5, True)
    assert [(one.variation_id, one.sku, one.quantity, one.options) for one in sorts] == [
        (variation, "TEA-01-L", 3, [["Size", "100 g"]])
    ]
    client.products.delete_variation(tea.product_id, variation)
    assert sync_one(
        session_of(ledger, client, store_id),
        PRODUCTS,
        str(tea.product_id),
    )
    assert (variation,) not in mirror(ledger, variations.c.variation_id)
    client.products.delete(tea.product_id)
    assert not sync_one(
        session_of(ledger, client, store_id),
        PRODUCTS,
        str(tea.product_id),
    )
    assert tea.product_id not in {i for (i,) in mirror(ledger, products.c.product_id)}


def test_a_store_without_changes_costs_one_call_a_look(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    following = Following()

    def follow() -> int:
        with ledger.connect() as connection:
            store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
        before = client.calls
        following.polled_at = None
        follow_shop(session_of(ledger, client, store.id), following, store)
        return client.calls - before

    assert follow() > 5
    with writing(ledger) as connection:  # as if all of it had been a while ago
        connection.execute(sa.update(looks).values(looked_at=CLOCK.now() + timedelta(hours=1)))
    assert follow() == 1


def test_an_unreadable_area_is_logged_once_and_the_others_are_read(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    address = sandbox.ready.base_url.removesuffix("/api/v3")
    switched = {"missing_scopes": ["read_catalog"]}
    requests.post(f"{address}/sandbox/switches", json=switched, timeout=60).raise_for_status()
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    following = Following()
    follow_shop(session_of(ledger, client, store.id), following, store)
    assert following.lacking == {"products", "categories"}
    assert mirror(ledger, orders.c.order_id) != set()
