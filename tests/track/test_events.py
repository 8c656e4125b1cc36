"""Webhooks are checked and stored once, in any order; what they name is read again, and their content is not trusted."""

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
from tests.track.room import session_of
from tillroll.campaign.states import PrivacyKind, PrivacySubject
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.errors import NotAllowed, Refused, StoreDisconnected, TillrollError
from tillroll.ledger.people.requests import open_requests
from tillroll.ledger.tables import carts, customers, events, orders, products
from tillroll.sandbox.serve import Sandbox
from tillroll.track.webhooks.act import handle_events
from tillroll.track.webhooks.intake import HORIZON, read_event, sign, store_event
from tillroll.track.webhooks.kinds import count_unknown

SECRET = "the app's secret"
CLOCK = SystemClock()


def body(**changed: Any) -> bytes:
    """Return the body of a delivery as the store sends it."""
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


def test_the_signature_is_as_documented() -> None:
    # HMAC-SHA256("key", "1772000123.80aece08-40e8-4145-8764-6c2f0d38678c"), worked out with openssl
    said = sign("key", 1772000123, "80aece08-40e8-4145-8764-6c2f0d38678c")
    assert said == "DQ0Y8g/sszctWjrpITYHJb8muiS3Do5yS7Ijzg4oLI8="


def test_a_signed_event_is_read() -> None:
    content = body()
    event = read_event(content, signature=signed(content), client_secret=SECRET, now=NOW)
    assert (event.kind, event.entity, event.ecwid_id) == ("order.updated", "103878161", 1003)
    assert event.data["orderId"] == "XJ12H"


@pytest.mark.parametrize("signature", ["", "x", "\u1234", "A" * 44])
def test_a_wrong_signature_is_refused(signature: str) -> None:
    with pytest.raises(NotAllowed):
        read_event(body(), signature=signature, client_secret=SECRET, now=NOW)


@pytest.mark.parametrize("away", [-HORIZON - timedelta(seconds=2), timedelta(minutes=11)])
def test_a_replayed_event_is_refused(away: timedelta) -> None:
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
def test_both_spellings_give_the_same_kind(spelled: str | None, kind: str) -> None:
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
def test_any_other_content_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(TillrollError):
        read_event(content, signature="x", client_secret=SECRET, now=NOW)


def take(engine: Engine, *contents: bytes) -> list[bool]:
    now = CLOCK.now()
    return [
        store_event(
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


def test_a_repeat_or_an_unknown_store_adds_no_event(ledger: Engine) -> None:
    add_store(ledger)
    content, other = (
        fresh("order.created", 1, orderId="A"),
        body(storeId=9, eventCreated=int(CLOCK.now().timestamp())),
    )
    assert take(ledger, content, content, other, content) == [True, False, False, False]
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 1


def test_what_an_event_names_is_read_from_the_store(ledger: Engine, sandbox: Sandbox, client: Client) -> None:
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
    assert handle_events(session_of(ledger, client, store_id)) == 6
    assert handle_events(session_of(ledger, client, store_id)) == 0
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


def test_many_events_are_handled_by_one_look_at_what_changed(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    take(ledger, *(fresh("customer.updated", number) for number in range(1, 101)))
    before = client.calls
    handle_events(session_of(ledger, client, store_id))
    assert client.calls - before <= 4
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 160


def test_a_cart_is_named_by_its_data(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    cart = next(iter(client.carts.every()))
    take(ledger, fresh("unfinished_order.updated", -1, cartId=cart.cart_id, orderId="X"))
    handle_events(session_of(ledger, client, store_id))
    with ledger.connect() as connection:
        assert list(connection.scalars(sa.select(carts.c.cart_id))) == [cart.cart_id]


@pytest.mark.parametrize("entity", [10**17, 10**30, "9" * 190, "x"])
def test_an_event_with_an_invalid_id_does_not_block_the_store(
    ledger: Engine, client: Client, entity: object
) -> None:
    store_id = add_store(ledger)
    take(ledger, fresh("customer.updated", entity), fresh("order.updated", 1, orderId="../../x?y#z"))
    assert handle_events(session_of(ledger, client, store_id)) == 2
    assert handle_events(session_of(ledger, client, store_id)) == 0


def test_an_event_of_an_unreadable_area_is_handled_with_the_reason(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    turn(sandbox, missing_scopes=["read_catalog"])
    take(ledger, fresh("product.updated", 701), fresh("customer.updated", 5))
    assert handle_events(session_of(ledger, client, store_id)) == 2
    with ledger.connect() as connection:
        outcomes = dict(connection.execute(sa.select(events.c.kind, events.c.outcome)).all())
    assert outcomes["customer.updated"] == "read"
    assert "read_catalog" in outcomes["product.updated"]


def test_an_uninstall_counts_only_when_the_store_refuses_the_token(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id = add_store(ledger)
    take(ledger, fresh("application.uninstalled", "tillroll"))
    assert handle_events(session_of(ledger, client, store_id)) == 1  # a lie: nothing happens
    take(ledger, fresh("application.uninstalled", "tillroll"))
    turn(sandbox, token_revoked=True)
    with pytest.raises(StoreDisconnected):
        handle_events(session_of(ledger, client, store_id))


def test_news_of_coupons_costs_no_call(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    changes = ("created", "updated", "deleted")
    take(ledger, *(fresh(f"discount_coupon.{change}", number) for change in changes for number in range(40)))
    before = client.calls
    assert handle_events(session_of(ledger, client, store_id)) == 120
    assert client.calls == before


def test_kinds_that_nobody_knows_are_counted(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    kinds = ("size_chart.created", "size_chart.created", "x.y", "", "promotion.updated", "customer.updated")
    take(ledger, *(fresh(kind, 5) for kind in kinds))
    assert handle_events(session_of(ledger, client, store_id)) == len(kinds)
    with ledger.connect() as connection:
        assert count_unknown(connection, store_id) == {"size_chart.created": 2, "x.y": 1, "": 1}


@pytest.mark.parametrize("spelled", ["personalData{}Request", "personal_data_{}_request"])
def test_requests_about_personal_data_are_kept_with_a_deadline(
    ledger: Engine, client: Client, spelled: str
) -> None:
    store_id = add_store(ledger)
    removal, export = (
        spelled.format(word if "_" in spelled else word.capitalize()) for word in ("removal", "export")
    )
    asked = fresh(f"customer.{removal}", 5, customerEmail="ana@example.com")
    take(ledger, asked, asked, fresh(f"customer.{export}", 6), fresh(f"profile.{removal}", 1003))
    before = client.calls
    assert handle_events(session_of(ledger, client, store_id)) == 3
    assert client.calls == before
    with ledger.connect() as connection:
        requests = open_requests(connection, store_id)
    assert [(one.subject, one.kind, one.entity) for one in requests] == [
        (PrivacySubject.CUSTOMER, PrivacyKind.REMOVAL, "5"),
        (PrivacySubject.CUSTOMER, PrivacyKind.EXPORT, "6"),
        (PrivacySubject.OWNER, PrivacyKind.REMOVAL, "1003"),
    ]
    assert {one.due_at - one.asked_at for one in requests} == {timedelta(days=28)}
    assert requests[0].email == "ana@example.com"
    assert "ana@example.com" not in requests[0].sentence
