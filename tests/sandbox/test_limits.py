"""Blocking after early requests, the headers of the quota, and the requests that count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.sandbox.conftest import eventually

Open = Callable[..., Any]


def codes(api: Any, count: int) -> list[int]:
    return [api.call("GET", "/profile").status_code for _ in range(count)]


def test_more_than_twenty_early_requests_in_a_minute_block_the_token_for_a_quarter_of_an_hour(
    store: Open,
) -> None:
    api = store(requests_per_minute=1)
    assert codes(api, 21) == [200] + [429] * 20
    assert api.call("GET", "/profile").headers["Retry-After"] == "900"
    assert api.counters()["early_requests"] == 20
    api.clock.pass_by(899)
    assert api.call("GET", "/profile").headers["Retry-After"] == "1"
    api.clock.pass_by(1)
    assert codes(api, 1) == [200]


def test_twenty_early_requests_spread_over_minutes_do_not(store: Open) -> None:
    api = store(requests_per_minute=0)
    for _ in range(3):
        assert codes(api, 20) == [429] * 20
        api.clock.pass_by(60)
    assert api.call("GET", "/profile").headers["Retry-After"] == "1"


def test_the_box_may_be_switched_off_or_made_narrower(store: Open) -> None:
    api = store(requests_per_minute=0, penalty_seconds=0.0)
    assert codes(api, 40) == [429] * 40
    assert api.call("GET", "/profile").headers["Retry-After"] == "1"
    api.turn(penalty_seconds=30.0, early_requests_allowed=1)
    assert api.call("GET", "/profile").headers["Retry-After"] == "30"


def test_one_tokens_early_requests_do_not_count_for_another(store: Open) -> None:
    api = store(requests_per_minute=1, early_requests_allowed=1)
    other = replace(api, token=api.admin("tokens", {}).json()["token"])
    assert codes(api, 4) == [200, 429, 429, 429]
    assert codes(other, 1) == [200]


def test_the_quota_is_in_the_headers_if_the_switch_is_on(store: Open) -> None:
    api = store(quota_headers=True, requests_per_minute=2)
    api.call("GET", "/profile")
    api.clock.pass_by(10)
    seen = []
    for _ in range(2):
        answer = api.call("GET", "/nothing")
        headers = [answer.headers.get(f"X-RateLimit-{name}") for name in ("Limit", "Remaining", "Reset")]
        seen.append((answer.status_code, *headers))
    assert seen == [(404, "2", "0", "50"), (429, "2", "0", "50")]
    api.turn(quota_headers=False)
    assert "X-RateLimit-Limit" not in api.call("GET", "/profile").headers


def test_a_refusal_inside_a_batch_does_not_count_as_an_early_request(store: Open) -> None:
    api = store(requests_per_minute=30, count_inner_requests=True)
    api.batch([{"path": "/profile", "method": "GET"}] * 100, stopOnFirstFailure="false")
    eventually(lambda: api.counters()["batch_inner"] == 100)
    assert (api.counters()["rate_limited"], api.counters()["early_requests"]) == (71, 0)
    assert api.call("GET", "/profile").headers["Retry-After"] == "60"
