"""The client against the sandbox, over HTTP."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.contract.samples import coupon, wait_for
from tests.store import CUSTOMERS, buy, client_of, turn
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.errors import (
    StoreBusy,
    StoreSaysConflict,
    StoreSaysNo,
    StoreSaysNotFound,
    StoreUnknown,
    StoreUnreachable,
)
from tillroll.errors import OutcomeUnknown, PlanLacksApi, ScopeMissing, StoreDisconnected
from tillroll.sandbox.serve import Sandbox


def test_the_profile_has_currency_and_time_zone(client: Client) -> None:
    profile = client.shop.profile()
    assert (profile.currency, profile.timezone, profile.name) == ("EUR", "Europe/Ljubljana", "Sample Shop")
    assert "API" in profile.features


def test_a_coupon_is_read_as_it_was_created(client: Client) -> None:
    asked = coupon()
    coupon_id = client.coupons.create(asked)
    found = client.coupons.find("till-test")
    assert found is not None
    assert found.coupon_id == coupon_id
    for name in (
        "name",
        "code",
        "discount_type",
        "discount",
        "launches_at",
        "expires_at",
        "minimum_subtotal",
    ):
        assert getattr(found, name) == getattr(asked, name)
    assert (found.uses_limit, found.application_limit, found.status) == (
        "SINGLE",
        "REPEAT_CUSTOMER_ONLY",
        "ACTIVE",
    )


@pytest.mark.parametrize("conflict_body", [True, False])
def test_a_taken_code_is_a_conflict_whatever_the_body_says(
    sandbox: Sandbox, client: Client, conflict_body: bool
) -> None:
    turn(sandbox, conflict_body=conflict_body)
    client.coupons.create(coupon())
    with pytest.raises(StoreSaysConflict):
        client.coupons.create(coupon("till-test"))


@pytest.mark.parametrize("status", [200, 404])
def test_deleting_what_is_not_there_is_no_error(sandbox: Sandbox, client: Client, status: int) -> None:
    turn(sandbox, delete_unknown_coupon=status)
    coupon_id = client.coupons.create(coupon())
    assert client.coupons.delete(coupon_id) is True
    assert client.coupons.delete(coupon_id) is False


def test_a_refusal_keeps_the_stores_own_words(client: Client) -> None:
    with pytest.raises(StoreSaysNo, match="discountType"):
        client.coupons.create(coupon(discount_type="HALF"))


@pytest.mark.parametrize("limit_over_100", ["clamp", "refuse"])
def test_lists_are_read_in_full(sandbox: Sandbox, client: Client, limit_over_100: str) -> None:
    turn(sandbox, limit_over_100=limit_over_100)
    for number in range(130):
        client.coupons.create(coupon(f"C{number}"))
    ours = {found.code for found in client.coupons.every() if found.name.endswith("(tillroll run 1)")}
    assert len(ours) == 130
    assert len(list(client.customers.every())) == CUSTOMERS


def test_only_what_changed_is_read_again(client: Client, sandbox: Sandbox) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    assert list(client.customers.every(updated_from=since + timedelta(seconds=2))) == []
    buy(sandbox, email="customer5@example.com")
    assert [order.email for order in client.orders.every(updated_from=since)] == ["customer5@example.com"]


def test_customers_keep_unicode_names_and_three_valued_consent(client: Client) -> None:
    found = list(client.customers.every())
    assert {customer.accepts_marketing for customer in found} == {True, False, None}
    assert any(not customer.name.isascii() for customer in found)
    assert all(customer.spent >= 0 and customer.registered_at is not None for customer in found)
    first = client.customers.get(found[0].customer_id)
    assert first == found[0]


def test_an_unknown_customer_is_not_found(client: Client) -> None:
    with pytest.raises(StoreSaysNotFound):
        client.customers.get(999_999)


def test_an_order_shows_the_coupon_it_used(client: Client, sandbox: Sandbox) -> None:
    client.coupons.create(coupon(application_limit="UNLIMITED", uses_limit="SINGLE"))
    buy(sandbox, email="somebody@example.com", coupon="till-test")
    order = next(found for found in client.orders.every() if found.coupon_code)
    assert (order.coupon_code, order.coupon_discount, order.payment_status) == (
        "TILL-TEST",
        Decimal("8.0"),
        "PAID",
    )
    used = client.coupons.find("TILL-TEST")
    assert used is not None
    assert (used.status, used.order_count) == ("USEDUP", 1)


def test_products_are_read(client: Client) -> None:
    assert any(
        product.sku == "TEA-01" and product.price == Decimal("9.5") for product in client.products.every()
    )


@pytest.mark.parametrize("body_without_escaped", [True, False])
def test_a_batch_answers_for_every_request(
    sandbox: Sandbox, client: Client, body_without_escaped: bool
) -> None:
    turn(sandbox, body_without_escaped=body_without_escaped)
    client.coupons.create(coupon("TAKEN"))
    requests = [
        client.coupons.creation(str(n), coupon(code)) for n, code in enumerate(["FRESH", "TAKEN", "ALSO"])
    ]
    status = wait_for(
        client, client.batches.create(requests, deduplication_key=str(uuid.uuid4()), group="run-1")
    )
    answers = {answer.id: answer for answer in status.answers}
    assert [answers[str(n)].status for n in range(3)] == [200, 409, 200]
    assert answers["0"].body["code"] == "FRESH"
    assert status.total == status.completed == 3


def test_the_same_key_returns_the_first_ticket(client: Client) -> None:
    key = str(uuid.uuid4())
    first = client.batches.create([client.coupons.creation("1", coupon())], deduplication_key=key, group="g")
    assert (
        client.batches.create([client.coupons.creation("1", coupon())], deduplication_key=key, group="g")
        == first
    )


@pytest.mark.parametrize("status", [404, 400])
def test_an_unknown_ticket_is_a_refusal(sandbox: Sandbox, client: Client, status: int) -> None:
    turn(sandbox, unknown_ticket=status)
    with pytest.raises((StoreSaysNotFound, StoreSaysNo)):
        client.batches.status(str(uuid.uuid4()))


def test_a_wrong_token_says_where_to_find_the_right_one(sandbox: Sandbox) -> None:
    with client_of(sandbox, token="secret_wrong") as stranger, pytest.raises(StoreDisconnected) as refused:
        stranger.shop.profile()
    assert "ECWID_TOKEN" in refused.value.hint


def test_a_revoked_token_is_recognised_by_the_empty_answer(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, token_revoked=True)
    with pytest.raises(StoreDisconnected):
        client.shop.profile()


def test_a_store_that_does_not_exist_is_not_taken_for_a_wrong_token(sandbox: Sandbox) -> None:
    with (
        client_of(sandbox, store_id=9) as stranger,
        pytest.raises(StoreUnknown, match="There is no store 9"),
    ):
        stranger.shop.profile()


def test_a_free_plan_has_no_api(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, plan="free")
    with pytest.raises(PlanLacksApi) as refused:
        client.shop.profile()
    assert "Venture" in refused.value.hint


def test_a_missing_scope_is_not_a_dead_token(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, missing_scopes=["create_discount_coupons"])
    with pytest.raises(ScopeMissing, match="create_discount_coupons"):
        client.coupons.create(coupon())


def test_a_lost_answer_to_a_write_has_an_unknown_outcome(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, drop_answers=1)
    with pytest.raises(OutcomeUnknown):
        client.coupons.create(coupon())
    assert client.coupons.find("TILL-TEST") is not None


def test_a_read_that_fails_temporarily_is_retried(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, fail_reads=2)
    assert client.shop.profile().currency == "EUR"


def test_an_unreachable_store_is_tried_later(sandbox: Sandbox) -> None:
    with client_of(sandbox, base_url="http://127.0.0.1:1/api/v3") as lost, pytest.raises(StoreUnreachable):
        lost.coupons.create(coupon())


@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_past_the_allowance_the_store_says_how_long_to_wait(
    sandbox: Sandbox, client: Client, window: str
) -> None:
    turn(sandbox, requests_per_minute=0, window=window)
    with pytest.raises(StoreBusy) as busy:
        client.connection._call("GET", "/profile")
    assert busy.value.retry_at > datetime.now(UTC)
