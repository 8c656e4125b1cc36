"""Installing an app in a store with OAuth, and uninstalling it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

Open = Callable[..., Any]

BACK = "https://app.example/installed?from=ecwid"


def ask(api: Any, **changed: str) -> dict[str, str]:
    return {
        "client_id": "sandbox-app",
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "read_store_profile read_discount_coupons",
        "state": "a state & <more>",
        **changed,
    }


def decided(api: Any, decision: str = "allow", **changed: str) -> dict[str, str]:
    """Return the query that the browser's redirect brings to the app."""
    form = {**ask(api, **changed), "store_id": str(api.store_id), "decision": decision}
    answer = requests.post(f"{api.root}/api/oauth/authorize", data=form, allow_redirects=False, timeout=60)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://app.example/installed?from=ecwid&")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def exchange(api: Any, code: str, /, **changed: str) -> requests.Response:
    form = {
        "client_id": "sandbox-app",
        "client_secret": api.opened.ready.client_secret,
        "code": code,
        "redirect_uri": BACK,
        "grant_type": "authorization_code",
        **changed,
    }
    return requests.post(f"{api.root}/api/oauth/token/{api.store_id}", data=form, timeout=60)


def test_if_the_merchant_accepts_the_app_gets_a_token_for_the_requested_scopes(api: Any) -> None:
    page = requests.get(f"{api.root}/api/oauth/authorize", params=ask(api), timeout=60)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<li>read_discount_coupons</li>" in page.text
    assert "a state &amp; &lt;more&gt;" in page.text
    back = decided(api)
    assert (back["store_id"], back["state"]) == ("1003", "a state & <more>")
    answer = exchange(api, back["code"])
    assert answer.status_code == 200
    given = answer.json()
    assert given["access_token"].startswith("secret_")
    assert given == {
        "access_token": given["access_token"],
        "token_type": "bearer",
        "scope": "read_store_profile read_discount_coupons",
        "store_id": 1003,
    }
    app = replace(api, token=given["access_token"])
    assert app.call("GET", "/profile").status_code == 200
    refused = app.coupon("NOSCOPE")
    assert (refused.status_code, refused.json()["errorCode"]) == (403, "INSUFFICIENT_APP_SCOPE")


def test_if_the_merchant_declines_the_app_gets_no_code(api: Any) -> None:
    assert decided(api, "refuse") == {"from": "ecwid", "error": "access_denied", "state": "a state & <more>"}


def test_a_code_works_once_and_a_second_exchange_kills_the_first_token(api: Any) -> None:
    code = decided(api)["code"]
    app = replace(api, token=exchange(api, code).json()["access_token"])
    assert app.call("GET", "/profile").status_code == 200
    again = exchange(api, code)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    assert app.call("GET", "/profile").status_code == 403
    assert api.call("GET", "/profile").status_code == 200
    assert api.counters()["revoked_token"] == 1


def test_a_code_is_valid_for_five_minutes(api: Any) -> None:
    code = decided(api)["code"]
    api.clock.pass_by(301)
    assert exchange(api, code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "other"}, "invalid_client"),
        ({"code": "made up"}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/other"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
    ids=["secret", "client", "code", "address", "grant"],
)
def test_an_invalid_exchange_does_not_use_up_the_code(api: Any, changed: dict[str, str], error: str) -> None:
    code = decided(api)["code"]
    answer = exchange(api, code, **changed)
    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert exchange(api, code).status_code == 200


def test_a_code_of_one_store_is_invalid_at_another(store: Open) -> None:
    api = store(with_={"stores": 2})
    code = decided(api)["code"]
    assert exchange(replace(api, store_id=1004), code).json() == {"error": "invalid_grant"}
    assert exchange(replace(api, store_id=77), code).status_code == 404
    page = requests.get(f"{api.root}/api/oauth/authorize", params=ask(api), timeout=60).text
    assert ("<option>1004</option>" in page, "<option>1003</option>" in page) == (True, True)


def test_only_a_form_is_accepted(api: Any) -> None:
    answer = requests.post(f"{api.root}/api/oauth/token/{api.store_id}", json={}, timeout=60)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "x"},
        {"response_type": "token"},
        {"redirect_uri": "javascript:alert(1)"},
        {"store_id": "5"},
    ],
    ids=["client", "type", "address", "store"],
)
def test_an_invalid_request_is_reported_and_does_not_redirect(api: Any, changed: dict[str, str]) -> None:
    address = f"{api.root}/api/oauth/authorize"
    for method in ("GET", "POST"):
        form = {"params": ask(api, **changed)} if method == "GET" else {"data": ask(api, **changed)}
        assert requests.request(method, address, allow_redirects=False, timeout=60, **form).status_code == 400


def test_the_public_token_comes_with_its_scope_and_reads_the_catalogue(api: Any) -> None:
    back = decided(api, scope="public_storefront")
    given = exchange(api, back["code"]).json()
    app = replace(api, token=given["public_token"])
    assert given["public_token"].startswith("public_")
    assert app.call("GET", "/products").status_code == 200
    assert app.call("GET", "/customers").status_code == 403


def test_uninstalling_revokes_every_token_and_reinstalling_issues_a_new_one(api: Any, receiver: Any) -> None:
    api.admin("webhooks", {"url": receiver.url})
    token = exchange(api, decided(api)["code"]).json()["access_token"]
    assert api.admin("uninstall", {}).json() == {"revoked": 2}
    assert {replace(api, token=each).call("GET", "/profile").status_code for each in (token, api.token)} == {
        403
    }
    new = api.admin("install", {}).json()["token"]
    assert new not in (token, api.token)
    assert replace(api, token=new).call("GET", "/profile").status_code == 200
    assert api.opened.ready.token == new
    receiver.wait(3)
    assert receiver.events() == [
        "application.installed",
        "application.uninstalled",
        "application.installed",
    ]


def test_the_old_token_parameter_is_accepted_if_the_switch_is_on(store: Open) -> None:
    api = store(token_in_query=True)
    url = f"{api.base_url}/{api.store_id}/profile"
    assert requests.get(url, params={"token": api.token}, timeout=60).status_code == 200
    assert requests.get(url, params={"token": "made up"}, timeout=60).status_code == 403


def test_the_answer_to_a_revoked_token_may_have_a_message(store: Open) -> None:
    api = store(forbidden_body="json")
    answer = replace(api, token="secret_x").call("GET", "/profile")
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "INVALID_API_TOKEN")
