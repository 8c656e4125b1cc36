"""Batches over time, by the store's clock: in sequence, in parallel, retried, remembered and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandbox.conftest import eventually

Open = Callable[..., Any]


def creation(code: str) -> dict[str, Any]:
    body = {"name": code, "code": code, "discountType": "ABS", "discount": 5}
    return {"id": code, "path": "/discount_coupons", "method": "POST", "body": body}


def reads(count: int) -> list[dict[str, Any]]:
    return [{"path": "/profile", "method": "GET"}] * count


def slow_store(store: Open, seconds: float = 10.0) -> Any:
    return store(inner_request_seconds=seconds, requests_per_minute=1_000_000)


def count_done(api: Any, ticket: str) -> int:
    return int(api.get("/batch", ticket=ticket)["completedRequests"])


def check_completed(api: Any, ticket: str, count: int) -> None:
    """Check that this many inner requests complete, and no more."""
    api.until(ticket, lambda status: status["completedRequests"] >= count)
    assert count_done(api, ticket) == count


def test_inner_requests_run_one_after_another_unless_parallel_is_allowed(store: Open) -> None:
    api = slow_store(store)
    ticket = api.batch(reads(5))
    api.clock.pass_by(9)
    assert api.get("/batch", ticket=ticket)["status"] == "QUEUED"
    api.clock.pass_by(21)
    check_completed(api, ticket, 3)
    assert api.get("/batch", ticket=ticket)["status"] == "IN_PROGRESS"
    api.clock.pass_by(20)
    assert api.finished(ticket)["completedRequests"] == 5


def test_in_parallel_a_hundred_run_at_once(store: Open) -> None:
    api = slow_store(store)
    ticket = api.batch(reads(250), allowParallelMode="true")
    for seconds, finished in ((10, 100), (10, 200), (10, 250)):
        api.clock.pass_by(seconds)
        check_completed(api, ticket, finished)


def test_a_later_batch_waits_until_the_earlier_ones_are_done(store: Open) -> None:
    api = slow_store(store)
    first = api.batch([creation("FIRST1"), creation("FIRST2")])
    second = api.batch([creation("SECOND")], allowParallelMode="true")
    api.clock.pass_by(10)
    check_completed(api, first, 1)
    assert count_done(api, second) == 0
    api.clock.pass_by(10)
    check_completed(api, first, 2)
    assert count_done(api, second) == 0
    api.clock.pass_by(10)
    api.finished(second)
    ids = [api.get(f"/discount_coupons/{code}")["id"] for code in ("FIRST1", "FIRST2", "SECOND")]
    assert ids == sorted(ids)


def test_in_parallel_a_failure_stops_requests_that_have_not_begun(store: Open) -> None:
    api = store(requests_per_minute=1_000_000)
    batch = [creation("TWICE"), creation("TWICE"), *(creation(f"P{number}") for number in range(120))]
    statuses = [
        response["status"]
        for response in api.finished(api.batch(batch, allowParallelMode="true"))["responses"]
    ]
    assert (statuses.count("COMPLETED"), statuses.count("FAILED")) == (99, 1)
    assert statuses[100:] == ["NOT_EXECUTED"] * 22


def test_an_inner_5xx_is_tried_five_times_three_seconds_apart(store: Open) -> None:
    api = store(inner_failures=5, requests_per_minute=1_000_000)
    ticket = api.batch([creation("GIVENUP"), creation("NEXT")], stopOnFirstFailure="false")
    for left in (4, 3, 2, 1):
        eventually(lambda left=left: api.admin("switches").json()["inner_failures"] == left)
        assert count_done(api, ticket) == 0
        api.clock.pass_by(3)
    codes = [response["httpStatusCode"] for response in api.finished(ticket)["responses"]]
    assert codes == [500, 200]


def test_a_stop_on_failure_is_not_tried_again(store: Open) -> None:
    api = store(inner_failures=1)
    stopped = api.finished(api.batch([creation("ONCE"), creation("NEVER")]))
    assert [response["status"] for response in stopped["responses"]] == ["FAILED", "NOT_EXECUTED"]


def test_in_parallel_a_retry_does_not_delay_the_others(store: Open) -> None:
    api = store(inner_failures=1, requests_per_minute=1_000_000)
    batch = [creation("AGAIN"), *(creation(f"Q{number}") for number in range(150))]
    ticket = api.batch(batch, allowParallelMode="true", stopOnFirstFailure="false")
    check_completed(api, ticket, 150)
    api.clock.pass_by(3)
    assert {response["httpStatusCode"] for response in api.finished(ticket)["responses"]} == {200}


def test_the_key_is_remembered_for_an_hour_of_the_store(store: Open) -> None:
    api = store(with_={"speed": 60.0})
    first = api.batch([creation("H1")], deduplicationKey="same")
    api.clock.pass_by(59)
    assert api.batch([creation("H2")], deduplicationKey="same") == first
    api.clock.pass_by(2)
    assert api.batch([creation("H3")], deduplicationKey="same") != first


def test_cancelling_a_group_keeps_completed_requests(store: Open) -> None:
    api = slow_store(store)
    ticket = api.batch([creation("STANDS"), creation("NEVER")], groupId="g")
    api.clock.pass_by(10)
    check_completed(api, ticket, 1)
    assert api.call("POST", "/batch/cancel-group", params={"groupId": "g"}).json() == {"updateCount": 1}
    api.clock.pass_by(100)
    statuses = [response["status"] for response in api.finished(ticket)["responses"]]
    assert statuses == ["COMPLETED", "NOT_EXECUTED"]
    assert api.call("GET", "/discount_coupons/NEVER").status_code == 404


def test_a_trailing_slash_makes_no_difference(api: Any) -> None:
    answer = api.call("POST", "/batch/", json=reads(1))
    assert api.call("GET", "/batch/", params={"ticket": answer.json()["ticket"]}).status_code == 200
    assert api.call("GET", "/profile/").status_code == 200
    assert api.call("PUT", "/batch/", json=[]).status_code == 405
