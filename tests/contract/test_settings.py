"""Token, lists and batches under both readings of what the documentation leaves open."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.samples import coupon, wait_for
from tests.store import client_of, counted, turn
from tillroll.ecwid.client import Client
from tillroll.errors import PlanLacksApi, ScopeMissing, StoreDisconnected
from tillroll.sandbox.serve import Sandbox


def post_batch(client: Client, key: str = "") -> str:
    requests = [client.coupons.creation(str(number), coupon(f"B{number}")) for number in range(3)]
    return client.batches.create(requests, deduplication_key=key or str(uuid.uuid4()), group="g")


def test_a_suspended_store_has_no_api(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, suspended=True)
    with pytest.raises(PlanLacksApi, match="suspended"):
        client.shop.profile()
    assert client.connection.refused


@pytest.mark.parametrize("penalty_seconds", [900.0, 0.0])
def test_a_revoked_token_is_used_once_and_the_address_is_never_blocked(
    sandbox: Sandbox, client: Client, penalty_seconds: float
) -> None:
    turn(sandbox, penalty_seconds=penalty_seconds, bad_tokens=2, early_requests_allowed=1)
    with client_of(sandbox, token="secret_wrong") as stranger:
        for _ in range(5):
            with pytest.raises(StoreDisconnected):
                stranger.shop.profile()
    assert counted(sandbox)["unknown_token"] == 1
    assert client.shop.profile().currency == "EUR"


def test_promotions_a_plan_lacks_are_refused_without_a_dead_token(sandbox: Sandbox, client: Client) -> None:
    turn(sandbox, missing_features=["promotions"])
    body = {"name": "x", "discountBase": "SUBTOTAL", "discountType": "PERCENT", "amount": 5}
    with pytest.raises(ScopeMissing):
        client.connection.write("POST", "/promotions", body=body)
    assert list(client.shop.promotions())


@pytest.mark.parametrize("index_lag_spread", [0.0, 3.5])
def test_a_single_read_goes_past_the_index_and_a_search_does_not(
    sandbox: Sandbox, client: Client, index_lag_spread: float
) -> None:
    before = client.customers.count()
    turn(sandbox, index_lag=30.0, index_lag_spread=index_lag_spread)
    made = client.connection.write("POST", "/customers", body={"email": "late@example.com"})["id"]
    assert client.customers.get(made).email == "late@example.com"
    assert client.customers.count() == before


@pytest.mark.parametrize("dedup_seconds", [3600.0, 0.0])
def test_a_forgotten_key_makes_a_second_batch(sandbox: Sandbox, client: Client, dedup_seconds: float) -> None:
    turn(sandbox, dedup_seconds=dedup_seconds)
    key = str(uuid.uuid4())
    first, second = post_batch(client, key), post_batch(client, key)
    assert (first == second) is (dedup_seconds > 0)
    answers = [answer.status for answer in wait_for(client, second).answers]
    assert answers == ([200] * 3 if dedup_seconds else [409] * 3), "a code is never made twice"


@pytest.mark.parametrize(("inner_failures", "status"), [(0, 200), (1, 200), (5, 500)])
def test_a_failing_inner_request_is_tried_five_times(
    sandbox: Sandbox, client: Client, inner_failures: int, status: int
) -> None:
    turn(sandbox, inner_failures=inner_failures, inner_retry_seconds=0.0)
    requests = [client.coupons.creation("1", coupon())]
    ticket = client.batches.create(requests, deduplication_key=str(uuid.uuid4()), group="g")
    (answer,) = wait_for(client, ticket).answers
    assert (answer.status, answer.executed) == (status, True)
    assert (client.coupons.find("TILL-TEST") is None) is (status == 500)


@pytest.mark.parametrize("inner_request_seconds", [0.0, 0.05])
def test_a_batch_is_not_finished_before_its_last_answer(
    sandbox: Sandbox, client: Client, inner_request_seconds: float
) -> None:
    turn(sandbox, inner_request_seconds=inner_request_seconds)
    ticket = post_batch(client)
    while not (status := client.batches.status(ticket)).finished:
        assert status.completed == len(status.answers) < status.total
    assert [answer.status for answer in status.answers] == [200, 200, 200]
