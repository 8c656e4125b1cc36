"""Batches: asynchronous, in order, remembered, and never executed twice, even after a crash."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]


def creation(code: str) -> dict[str, Any]:
    body = {"name": code, "code": code, "discountType": "ABS", "discount": 5}
    return {"id": code, "path": "/discount_coupons", "method": "POST", "body": body}


def test_inner_answers_come_back_by_id_in_either_form(api: Any) -> None:
    ticket = api.batch(
        [creation("ONE"), {"path": "/discount_coupons/NONE", "method": "GET"}], stopOnFirstFailure="false"
    )
    status = api.finished(ticket)
    assert (status["totalRequests"], status["completedRequests"]) == (2, 2)
    created, none = status["responses"]
    assert (created["id"], created["status"], created["httpStatusCode"], created["httpStatusLine"]) == (
        "ONE",
        "COMPLETED",
        200,
        "OK",
    )
    assert json.loads(created["escapedHttpBody"])["code"] == "ONE"
    assert (none["status"], none["httpStatusCode"], "id" in none) == ("FAILED", 404, False)
    plain = api.get("/batch", ticket=ticket)["responses"][0]
    assert plain["httpBody"]["code"] == "ONE"
    api.turn(body_without_escaped=False)
    assert "responses" not in api.get("/batch", ticket=ticket)


def test_the_first_failure_stops_the_rest_unless_told_not_to(api: Any) -> None:
    requests_ = [creation("S1"), creation("S1"), creation("S2")]
    stopped = api.finished(api.batch(requests_))
    assert [response["status"] for response in stopped["responses"]] == [
        "COMPLETED",
        "FAILED",
        "NOT_EXECUTED",
    ]
    assert api.call("GET", "/discount_coupons/S2").status_code == 404
    went_on = api.finished(api.batch([creation("S1"), creation("S2")], stopOnFirstFailure="false"))
    assert [response["httpStatusCode"] for response in went_on["responses"]] == [409, 200]


def test_the_same_key_answers_the_same_ticket_for_an_hour(api: Any) -> None:
    first = api.batch([creation("K1")], deduplicationKey="a")
    assert api.batch([creation("K2")], deduplicationKey="a") == first
    assert api.batch([creation("K3")], deduplicationKey="b") != first
    api.clock.pass_by(3601)
    assert api.batch([creation("K4")], deduplicationKey="a") != first


def test_after_a_lost_answer_the_key_returns_the_same_ticket(api: Any) -> None:
    api.turn(drop_answers=1)
    with pytest.raises(Exception, match=r"(?i)closed|aborted|reset"):
        api.batch([creation("L1")], deduplicationKey="a")
    done = api.finished(api.batch([creation("L1")], deduplicationKey="a"))
    assert [response["httpStatusCode"] for response in done["responses"]] == [200]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([{"path": "/profile", "method": "GET"}] * 501, "$"),
        ({"path": "/profile"}, "$"),
        ([{"id": 7, "path": "/profile", "method": "GET"}], "$[0].id"),
        ([{"path": "", "method": "GET"}], "$[0].path"),
        ([{"path": "/batch", "method": "POST"}], "$[0].path"),
        ([{"path": "/profile", "method": "PATCH"}], "$[0].method"),
    ],
    ids=["501", "no list", "id", "path", "nested", "method"],
)
def test_a_malformed_batch_names_the_place_under_the_odd_key(api: Any, body: Any, place: str) -> None:
    answer = api.call("POST", "/batch", json=body)
    assert answer.status_code == 400
    assert f"Path {place} contains bad value" in answer.json()["error_message"]


def test_batches_run_one_after_another(store: Open) -> None:
    api = store(batch_pause=0.05, requests_per_minute=10_000)
    first = api.batch([creation(f"F{number}") for number in range(120)])
    second = api.batch([creation("AFTER")])
    done = api.finished(second)
    assert done["responses"][0]["httpStatusCode"] == 200
    assert api.get("/batch", ticket=first)["status"] == "COMPLETED"
    ids = {code: api.get(f"/discount_coupons/{code}")["id"] for code in ("F119", "AFTER")}
    assert ids["AFTER"] > ids["F119"]


def test_a_stopped_group_never_runs_and_is_listed_as_completed(store: Open) -> None:
    api = store(batch_pause=0.3, requests_per_minute=10_000)
    running = api.batch([creation(f"G{number}") for number in range(200)], groupId="other")
    waiting = api.batch([creation("NEVER")], groupId="camp")
    assert api.get("/batch", status="QUEUED", limit=100)["items"][-1] == {
        "ticket": waiting,
        "status": "QUEUED",
    }
    assert api.call("POST", "/batch/cancel-group", params={"groupId": "camp"}).json() == {"updateCount": 1}
    assert api.finished(waiting)["responses"] == [{"id": "NEVER", "status": "NOT_EXECUTED"}]
    assert api.call("DELETE", "/batch", params={"ticketId": running}).json() == {"deleteCount": 1}
    assert api.call("GET", "/batch", params={"ticket": running}).status_code == 404


def test_an_inner_failure_of_the_store_is_tried_five_times(store: Open) -> None:
    api = store(inner_failures=4, inner_retry_seconds=0.0)
    done = api.finished(api.batch([creation("R1"), creation("R2")], stopOnFirstFailure="false"))
    assert [response["httpStatusCode"] for response in done["responses"]] == [200, 200]
    api.turn(inner_failures=5)
    done = api.finished(api.batch([creation("R3"), creation("R4")], stopOnFirstFailure="false"))
    assert [response["httpStatusCode"] for response in done["responses"]] == [500, 200]


def test_a_plus_in_an_inner_path_is_a_space(api: Any) -> None:
    api.coupon("A B")
    path = {"path": "/discount_coupons/A+B", "method": "GET"}
    assert api.finished(api.batch([path]))["responses"][0]["httpStatusCode"] == 200


def test_inner_requests_cost_nothing_unless_the_switch_says_so(store: Open) -> None:
    api = store(requests_per_minute=20)
    done = api.finished(api.batch([creation(f"N{number}") for number in range(60)]))
    assert done["completedRequests"] == 60
    api.clock.pass_by(61)
    api.turn(count_inner_requests=True)
    counted = api.batch([creation(f"M{number}") for number in range(60)], stopOnFirstFailure="false")
    api.clock.pass_by(30)
    assert api.call("GET", "/profile").status_code in {200, 429}
    api.clock.pass_by(61)
    end = time.monotonic() + 60
    status: dict[str, Any] = {}
    while status.get("status") != "COMPLETED" and time.monotonic() < end:
        answer = api.call("GET", "/batch", params={"ticket": counted, "escapedJson": "true"})
        if answer.status_code == 429:  # the batch has used up the rate limit, so polling is refused too
            api.clock.pass_by(61)
        else:
            status = answer.json()
    codes = [response["httpStatusCode"] for response in status["responses"]]
    assert codes.count(200) < 60


def test_a_killed_store_resumes_its_batch_and_creates_nothing_twice(process: Any) -> None:
    api = process.start()
    api.turn(batch_pause=0.1)
    before = api.get("/discount_coupons", limit=1)["total"]
    ticket = api.batch([creation(f"C{number}") for number in range(500)], stopOnFirstFailure="false")
    api.until(ticket, lambda status: status["completedRequests"] >= 50)
    process.end(signal.SIGKILL)
    again = process.start()
    assert (again.token, again.store_id) == (api.token, api.store_id)
    done = again.finished(ticket)
    assert {response["httpStatusCode"] for response in done["responses"]} == {200}
    assert again.get("/discount_coupons", limit=1)["total"] == before + 500


def test_sigterm_stops_the_store_cleanly(process: Any) -> None:
    api = process.start()
    assert api.get("/profile")["generalInfo"]["storeId"] == 1003
    assert process.end(signal.SIGTERM) == 0
