"""The order in which requests are checked, and the rate limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]


def test_an_unknown_store_is_reported_before_the_token_is_checked(api: Any) -> None:
    answer = api.session.get(f"{api.base_url}/1/profile", timeout=60)
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "STORE_NOT_FOUND")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer secret_made_up"}], ids=["none", "made up"])
def test_a_bad_token_is_403_with_an_empty_body(api: Any, header: dict[str, str]) -> None:
    answer = api.session.get(f"{api.base_url}/{api.store_id}/profile", headers=header, timeout=60)
    assert (answer.status_code, answer.content) == (403, b"")


def test_a_token_in_the_query_is_refused(api: Any) -> None:
    url = f"{api.base_url}/{api.store_id}/profile"
    assert api.session.get(url, params={"token": api.token}, timeout=60).status_code == 403


def test_a_revoked_token_is_403_before_any_other_check(store: Open) -> None:
    api = store(plan="free", token_revoked=True)
    answer = api.call("GET", "/profile")
    assert (answer.status_code, answer.content) == (403, b"")


def test_the_free_plan_has_no_api(store: Open) -> None:
    answer = store(plan="free").call("GET", "/profile")
    assert (answer.status_code, answer.json()["errorCode"]) == (402, "NOT_AVAILABLE_ON_CURRENT_PLAN")


def test_the_allowance_is_counted_before_the_plan(store: Open) -> None:
    api = store(plan="free", requests_per_minute=1)
    assert [api.call("GET", "/profile").status_code for _ in range(2)] == [402, 429]


def test_a_missing_scope_is_reported_before_an_invalid_body(store: Open) -> None:
    api = store(missing_scopes=("create_discount_coupons",))
    answer = api.call("POST", "/discount_coupons", data="{", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "INSUFFICIENT_APP_SCOPE")


def test_method_then_content_type_then_syntax(api: Any) -> None:
    text, json_ = {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}
    assert api.call("POST", "/profile", data="{", headers=text).status_code == 405
    assert api.call("POST", "/discount_coupons", data="{", headers=text).status_code == 415
    assert api.call("POST", "/discount_coupons", data="{", headers=json_).status_code == 400


def test_over_the_allowance_is_429_until_the_oldest_request_leaves_the_minute(store: Open) -> None:
    api = store(requests_per_minute=3)
    for _ in range(3):
        assert api.call("GET", "/profile").status_code == 200
        api.clock.pass_by(10)
    refused = api.call("GET", "/profile")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert refused.json()["errorCode"] == "RATE_LIMITED"
    api.clock.pass_by(30)
    assert api.call("GET", "/profile").status_code == 200
    assert api.admin("counters").json()["rate_limited"] == 1


def test_a_fixed_window_restarts_with_the_minute(store: Open) -> None:
    api = store(requests_per_minute=2, window="fixed")
    api.clock.pass_by(45)
    assert [api.call("GET", "/profile").status_code for _ in range(3)] == [200, 200, 429]
    assert api.call("GET", "/profile").headers["Retry-After"] == "15"
    api.clock.pass_by(15)
    assert [api.call("GET", "/profile").status_code for _ in range(3)] == [200, 200, 429]


def test_further_requests_make_the_block_longer(store: Open) -> None:
    api = store(requests_per_minute=1, penalty_seconds=900.0)
    waits = [api.call("GET", "/profile").headers.get("Retry-After") for _ in range(22)]
    assert waits == [None, *["60"] * 20, "900"]
    api.clock.pass_by(120)
    assert api.call("GET", "/profile").status_code == 429


def test_an_address_with_many_revoked_tokens_is_blocked_even_with_a_valid_one(store: Open) -> None:
    api = store(bad_tokens=3, penalty_seconds=60.0)
    good, api.token = api.token, "secret_wrong"
    assert {api.call("GET", "/profile").status_code for _ in range(3)} == {403}
    api.token = good
    assert api.call("GET", "/profile").status_code == 429


def test_an_unknown_switch_is_refused_by_name(api: Any) -> None:
    answer = api.admin("switches", {"plann": "free"})
    assert answer.status_code == 400
    assert "plann" in answer.json()["errorMessage"]


def test_a_request_whose_answer_is_dropped_takes_effect(api: Any) -> None:
    api.turn(drop_answers=1)
    with pytest.raises(Exception, match=r"(?i)closed|aborted|reset"):
        api.coupon("LOST1")
    assert api.coupon("LOST1").status_code == 409


def test_half_a_character_is_kept_and_answered_as_its_escape(api: Any) -> None:
    json_ = {"Content-Type": "application/json"}
    made = api.call("POST", "/categories", data='{"name": "\\ud800"}', headers=json_)
    assert made.status_code == 200
    answer = api.call("GET", f"/categories/{made.json()['id']}")
    assert answer.status_code == 200
    assert b"\\ud800" in answer.content


def test_a_value_that_cannot_be_stored_is_400_and_not_a_server_error(api: Any) -> None:
    body, json_ = '{"name": "x", "orderBy": 1e400}', {"Content-Type": "application/json"}
    assert api.call("POST", "/categories", data=body, headers=json_).status_code == 400
    assert api.call("GET", "/customer_groups/99999999999999999999").status_code == 404
