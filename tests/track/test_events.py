"""Webhooks: signed, once, in any order; what they name is read again, and what they say is not believed."""

from __future__ import annotations

import json
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tests.store import buy, turn
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.errors import NotAllowed, Refused, StoreDisconnected, TillrollError
from tillroll.ledger.tables import carts, customers, events, orders, products
from tillroll.sandbox.serve import Sandbox
from tillroll.track.events import handle_events
from tillroll.track.intake import HORIZON, read_event, sign, take_in

SECRET = "the app's secret"
CLOCK = SystemClock()


def body(**changed: Any) -> bytes:
    """A delivery as the store sends it."""
    event = {
        "eventId": str(uuid.UUID(int=1)),
        "eventCreated": int(NOW.timestamp()),
        "storeId": 1003,
        "entityId": 103878161,
        "eventType": "order.updated",
        "data": {"orderId": "XJ12H", "newPaymentStatus": "PAID"},
        **changed,
    }
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def signed(content: bytes, secret: str = SECRET) -> str:
    event = json.loads(content)
    return sign(secret, event["eventCreated"], event["eventId"])


def test_the_signature_is_the_documented_one() -> None:
    # HMAC-SHA256("key", "1772000123.80aece08-40e8-4145-8764-6c2f0d38678c"), worked out with openssl
    said = sign("key", 1772000123, "80aece08-40e8-4145-8764-6c2f0d38678c")
    assert said == "DQ0Y8g/sszctWjrpITYHJb8muiS3Do5yS7Ijzg4oLI8="


def test_a_signed_event_is_read() -> None:
    content = body()
    event = read_event(content, signature=signed(content), client_secret=SECRET, now=NOW)
    assert (event.kind, event.entity, event.ecwid_id) == ("order.updated", "103878161", 1003)
    assert event.data["orderId"] == "XJ12H"


@pytest.mark.parametrize("signature", ["", "x", "\u1234", "A" * 44])
def test_another_signature_is_not_let_in(signature: str) -> None:
    with pytest.raises(NotAllowed):
        read_event(body(), signature=signature, client_secret=SECRET, now=NOW)


@pytest.mark.parametrize("away", [-HORIZON - timedelta(seconds=2), timedelta(minutes=11)])
def test_an_event_that_is_played_back_later_is_refused(away: timedelta) -> None:
    content = body(eventCreated=int((NOW + away).timestamp()))
    with pytest.raises(Refused, match="too old"):
        read_event(content, signature=signed(content), client_secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [
        ("profile.subscription_status_changed", "profile.subscriptionStatusChanged"),
        ("profile.subscriptionStatusChanged", "profile.subscriptionStatusChanged"),
        ("unfinished_order.created", "unfinished_order.created"),
        ("size_chart.updated", "size_chart.updated"),
        (None, ""),
    ],
)
def test_both_spellings_are_one_kind(spelled: str | None, kind: str) -> None:
    content = body(eventType=spelled)
    assert read_event(content, signature=signed(content), client_secret=SECRET, now=NOW).kind == kind


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["eventId", "eventCreated", "storeId", "data", "eventType"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(TillrollError):
        read_event(content, signature="x", client_secret=SECRET, now=NOW)


def take(engine: Engine, *contents: bytes) -> list[bool]:
    now = CLOCK.now()
    return [
        take_in(
            engine,
            read_event(content, signature=signed(content), client_secret=SECRET, now=now),
            now=now,
        )
        for content in contents
    ]


def fresh(event_type: str, entity: Any, **data: str) -> bytes:
    return body(
        eventId=str(uuid.uuid4()),
        eventCreated=int(CLOCK.now().timestamp()),
        eventType=event_type,
        entityId=entity,
        data=data or None,
    )


def test_a_repeat_is_no_second_event_and_a_stranger_store_is_none(ledger: Engine) -> None:
    add_store(ledger)
    content, other = (
        fresh("order.created", 1, orderId="A"),
        body(storeId=9, eventCreated=int(CLOCK.now().timestamp())),
    )
    assert take(ledger, content, content, other, content) == [True, False, False, False]
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 1


def test_what_an_event_names_is_read_again_and_its_words_are_not_believed(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    bought = buy(sandbox, email="customer5@example.com")
    deliveries = [
        fresh("order.created", 1, orderId=bought["orderId"], newPaymentStatus="REFUNDED"),
        fresh("customer.updated", 5, customerEmail="somebody@else.example"),
        fresh("product.updated", 701),
        fresh("customer.deleted", 6),  # a lie: customer 6 is there
        fresh("customer.created", 999_999),  # gone already
        fresh("size_chart.created", 3),  # nothing we know
    ]
    random.Random(4).shuffle(deliveries)
    take(ledger, *deliveries)
    assert handle_events(ledger, client, store_id=store_id, now=CLOCK.now()) == 6
    assert handle_events(ledger, client, store_id=store_id, now=CLOCK.now()) == 0
    with ledger.connect() as connection:
        order = connection.execute(sa.select(orders)).one()
        people = dict(connection.execute(sa.select(customers.c.customer_id, customers.c.email)).all())
        things = list(connection.scalars(sa.select(products.c.product_id)))
        outcomes = dict(connection.execute(sa.select(events.c.kind, events.c.outcome)).all())
    assert (order.order_id, order.payment_status) == (bought["orderId"], "PAID")
    assert set(people) == {5, 6}
    assert people[5].lower() == "customer5@example.com"
    assert things == [701]
    assert outcomes["size_chart.created"] == "kept"


def test_many_events_cost_one_look_at_what_changed(ledger: Engine, sandbox: Sandbox, client: Client) -> None:
    store_id = add_store(ledger)
    take(ledger, *(fresh("customer.updated", number) for number in range(1, 101)))
    before = client.calls
    handle_events(ledger, client, store_id=store_id, now=CLOCK.now())
    assert client.calls - before <= 4
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 160


def test_a_cart_is_named_by_its_data(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    cart = next(iter(client.carts.every()))
    take(ledger, fresh("unfinished_order.updated", -1, cartId=cart.cart_id, orderId="X"))
    handle_events(ledger, client, store_id=store_id, now=CLOCK.now())
    with ledger.connect() as connection:
        assert list(connection.scalars(sa.select(carts.c.cart_id))) == [cart.cart_id]


@pytest.mark.parametrize("entity", [10**17, 10**30, "9" * 190, "x"])
def test_an_event_that_names_nonsense_does_not_hold_up_the_lane(
    ledger: Engine, client: Client, entity: object
) -> None:
    store_id = add_store(ledger)
    take(ledger, fresh("customer.updated", entity), fresh("order.updated", 1, orderId="../../x?y#z"))
    assert handle_events(ledger, client, store_id=store_id, now=CLOCK.now()) == 2
    assert handle_events(ledger, client, store_id=store_id, now=CLOCK.now()) == 0


def test_an_event_of_an_area_the_token_may_not_read_is_done_and_says_so(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    turn(sandbox, missing_scopes=["read_catalog"])
    take(ledger, fresh("product.updated", 701), fresh("customer.updated", 5))
    assert handle_events(ledger, client, store_id=store_id, now=CLOCK.now()) == 2
    with ledger.connect() as connection:
        outcomes = dict(connection.execute(sa.select(events.c.kind, events.c.outcome)).all())
    assert outcomes["customer.updated"] == "read"
    assert "read_catalog" in outcomes["product.updated"]


def test_an_uninstall_is_believed_when_the_store_refuses_the_token(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    take(ledger, fresh("application.uninstalled", "tillroll"))
    assert handle_events(ledger, client, store_id=store_id, now=CLOCK.now()) == 1  # a lie: nothing happens
    take(ledger, fresh("application.uninstalled", "tillroll"))
    turn(sandbox, token_revoked=True)
    with pytest.raises(StoreDisconnected):
        handle_events(ledger, client, store_id=store_id, now=CLOCK.now())
