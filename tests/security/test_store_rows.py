"""One row of the store that can't be read costs no other row, and people are told which it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.security.hostile import texts
from tests.security.test_clean import harmless
from tests.shop import add_store
from tests.store import CUSTOMERS as CUSTOMERS_OF_THE_SHOP
from tests.store import buy
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints import catalog, coupons, customers, orders, reviews, shop
from tillroll.ecwid.endpoints.batches import _status
from tillroll.ecwid.endpoints.rows import Unread, read_rows
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.mirror.unread import (
    MOST_KEPT,
    UnreadRow,
    count_unread,
    forget_unread,
    list_unread,
    note_unread,
)
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import customers as customers_table
from tillroll.ledger.tables import orders as orders_table
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.areas import AREAS, CUSTOMERS
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync, sync_one, sync_profile

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MAKES = {
    "customers": (customers._customer, "id"),
    "orders": (orders._order, "id"),
    "carts": (orders._cart, "cartId"),
    "products": (catalog._product, "id"),
    "categories": (catalog._category, "id"),
    "coupons": (coupons._coupon, "id"),
    "reviews": (reviews._review, "id"),
    "promotions": (shop._promotion, "id"),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(
    {
        "id", "cartId", "email", "name", "billingPerson", "firstName", "countryCode", "stats", "numberOfOrders",
        "salesValue", "lastOrderDate", "registered", "favorites", "productId", "extrafields", "title", "value",
        "items", "sku", "quantity", "price", "discountCoupon", "code", "total", "customerId", "paymentStatus",
        "createDate", "categoryIds", "combinations", "options", "unlimited", "catalogLimit", "products",
        "orderCount", "discount", "applicationLimit", "reviewerInfo", "rating", "status", "orderId",
        "launchDate", "expirationDate", "totalLimit", "recoveredOrderId", "hidden", "lang", "parentId",
    }
)  # fmt: skip
ROWS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=12)


def every_value(value: Any) -> list[Any]:
    """Return all texts, numbers and moments inside a record."""
    if isinstance(value, tuple | list):
        return [inner for item in value for inner in every_value(item)]
    fields = getattr(value, "__dataclass_fields__", None)
    return [inner for name in fields for inner in every_value(getattr(value, name))] if fields else [value]


@pytest.mark.parametrize("subject", sorted(MAKES))
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROWS | JSON, max_size=5))
def test_whatever_a_row_holds_the_good_ones_are_read_and_the_others_told(
    subject: str, rows: list[Any]
) -> None:
    make, id_name = MAKES[subject]
    good = {id_name: 17, "code": "FRIENDS", "sku": "TEA-01"}
    told: list[Unread] = []
    values = list(read_rows([*rows, good], make, subject, id_name=id_name, tell=told.append))
    missing = [unread for unread in told if not unread.field]
    assert len(values) + len(missing) == len(rows) + 1
    for value in every_value(values):
        assert not isinstance(value, str) or harmless(value)
        assert not isinstance(value, int) or abs(value) < 2**63
        assert not isinstance(value, Decimal) or abs(value) < 10**14
    assert all(harmless(unread.row_id) and unread.why for unread in told)


@given(JSON)
def test_a_batch_status_is_read_whatever_it_holds(raw: Any) -> None:
    status = _status(
        {"status": raw, "totalRequests": raw, "responses": [raw, {"id": raw, "httpStatusCode": raw}]}
    )
    assert len(status.answers) >= 1


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "UTC/\x00..", "x" * 5000])
def test_a_time_zone_that_does_not_exist_is_told(zone: str) -> None:
    told: list[Unread] = []
    profile = shop._profile({"formatsAndUnits": {"timezone": zone, "currency": "<EUR"}}, told.append)
    assert (profile.timezone, profile.currency) == ("", "")
    assert {unread.field for unread in told} == {"timezone", "currency"}


def change(sandbox: Sandbox, customer_id: int, **changed: Any) -> None:
    """Change a customer in the store's own database: its API would refuse such values, its past may not have."""
    with sandbox.store.state.transaction() as state:
        body = json.loads(state.value("select body from customers where id = ?", (customer_id,)))
        values = (json.dumps({**body, **changed}), customer_id)
        state.run("update customers set body = ? where id = ?", values)


def session_of(engine: Engine, client: Client) -> MirrorSession:
    """Return a session for one reading, at the present moment."""
    clock = SystemClock()
    return MirrorSession(engine=engine, client=client, store_id=1, clock=clock, now=clock.now())


def told(engine: Engine) -> list[tuple[str, str, str]]:
    """Return what the ledger says of the store's rows: area, row and field."""
    with reading(engine) as connection:
        return [(row.area, row.row_id, row.field) for row in list_unread(connection, 1, limit=100)]


def test_hostile_customers_are_mirrored_and_what_is_missing_of_them_is_told(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    add_store(ledger, customers_at=None)
    change(sandbox, 3, billingPerson={"name": "Ana\x00\ud83d\u202e \x1b[31mLima", "firstName": "\udc00"})
    change(sandbox, 4, email="ana\x00@shop.example")
    change(sandbox, 5, email="not an address", extrafields=[{"title": "\ud800", "value": "\x00"}] * 2)
    change(sandbox, 6, billingPerson=["no", "object"])
    sync(session_of(ledger, client), CUSTOMERS)
    columns = (customers_table.c.customer_id, customers_table.c.name, customers_table.c.email)
    with reading(ledger) as connection:
        rows = {id_: (name, email) for id_, name, email in connection.execute(sa.select(*columns))}
    assert len(rows) == CUSTOMERS_OF_THE_SHOP
    assert rows[3][0] == "Ana [31mLima"
    assert (rows[4][1], rows[5][1]) == ("", "")
    assert told(ledger) == [("customers", "4", "email"), ("customers", "5", "email")]
    change(sandbox, 4, email="ana@shop.example")
    assert sync_one(session_of(ledger, client), CUSTOMERS, "4")
    assert told(ledger) == [("customers", "5", "email")]


def test_an_order_that_cannot_be_named_stays_out_and_the_others_come(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    add_store(ledger, orders_at=None)
    bought = buy(sandbox, email="ana@shop.example")
    others = [buy(sandbox, email=f"ben{number}@shop.example")["orderId"] for number in range(3)]
    with sandbox.store.state.transaction() as state:
        state.run("update orders set id = ? where id = ?", ("A\x1b]0;B", bought["orderId"]))
    sync(session_of(ledger, client), AREAS["orders"])
    with reading(ledger) as connection:
        ids = set(connection.scalars(sa.select(orders_table.c.order_id)))
        sentences = [row.sentence for row in list_unread(connection, 1, limit=9)]
    assert ids >= set(others)
    assert not any("\x1b" in id_ for id_ in ids)
    assert sentences == ["order A]0;B: its id has a control character or a line break."]


def test_a_profile_that_cannot_be_read_leaves_the_store_as_it_was(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    profile = json.loads(sandbox.store.state.fact("profile") or "{}")
    profile["formatsAndUnits"] = {"timezone": "Mars/Olympus", "currency": "EUR"}
    with sandbox.store.state.transaction() as state:
        state.keep_fact("profile", json.dumps(profile))
    sync_profile(ledger, client, store_id=store_id, now=NOW)
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
        sentences = [row.sentence for row in list_unread(connection, store_id, limit=9)]
    assert store.timezone == "Europe/Ljubljana"
    assert sentences == [
        "the store's settings 1003, timezone: Mars/Olympus is not one that Tillroll knows;"
        " choose one with: tillroll store timezone Europe/Ljubljana."
    ]


def test_what_is_kept_of_unread_rows_is_bounded(ledger: Engine) -> None:
    store_id = add_store(ledger)
    noted = [
        UnreadRow(area="orders", row_id=str(number), field="", reason="has no id that could be one")
        for number in range(MOST_KEPT + 50)
    ]
    with writing(ledger) as connection:
        note_unread(connection, store_id, noted, NOW)
        assert count_unread(connection, store_id, "orders", whole=True) == MOST_KEPT
        forget_unread(connection, store_id, "orders", [row.row_id for row in noted])
        assert count_unread(connection, store_id, "orders") == 0
