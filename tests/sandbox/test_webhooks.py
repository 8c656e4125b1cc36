"""Webhooks: signed, sent until somebody takes them, and not lost by whatever dies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import signal
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from tests.sandbox.conftest import eventually
from tillroll.sandbox.memory.webhooks import EVENTS

Open = Callable[..., Any]


@pytest.fixture
def heard(store: Open, receiver: Any) -> Any:
    """A store that tells the receiver of its coupons."""
    api = store(requests_per_minute=1_000_000)
    register(api, receiver)
    return api


def register(api: Any, receiver: Any, *events: str) -> None:
    body = {"url": receiver.url, "events": list(events)} if events else {"url": receiver.url}
    assert api.admin("webhooks", body).status_code == 200


def happened(api: Any) -> None:
    """An event that needs no endpoint: the app is put in again."""
    api.admin("install", {})


def counts(api: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.admin("webhooks").json()
    return found


def test_an_event_is_sent_signed_with_its_type_in_the_query(heard: Any, receiver: Any) -> None:
    heard.admin("uninstall", {})
    [body] = receiver.wait(1)
    query, headers, _ = receiver.got[0]
    assert query == "app=1&eventtype=application.uninstalled"
    assert headers["content-type"] == "application/json; charset=UTF-8"
    secret = heard.session.get(f"{heard.root}/sandbox/stores", timeout=5).json()["stores"][0]["client_secret"]
    message = f"{body['eventCreated']}.{body['eventId']}".encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    assert headers["x-ecwid-webhook-signature"] == base64.b64encode(digest).decode()
    assert (body["storeId"], body["entityId"], body["eventType"]) == (1003, "1003", "application.uninstalled")
    assert "data" not in body


def test_nothing_is_queued_while_nobody_listens(api: Any) -> None:
    happened(api)
    assert counts(api) == {
        "url": None, "events": None, "headers": {},
        "queued": 0, "blocked": False, "delivered": 0, "failed": 0, "given_up": 0, "dropped": 0,
    }  # fmt: skip


def test_only_the_events_that_were_chosen_are_sent(store: Open, receiver: Any) -> None:
    api = store()
    register(api, receiver, "application.uninstalled")
    api.admin("install", {})
    api.admin("uninstall", {})
    receiver.wait(1)
    assert receiver.events() == ["application.uninstalled"]
    assert counts(api)["events"] == ["application.uninstalled"]


def test_an_app_hears_nothing_once_it_is_uninstalled_nor_what_it_lacks_the_scope_for(
    heard: Any, receiver: Any
) -> None:
    heard.admin("uninstall", {})
    heard.admin("checkout", {"email": "a@example.com", "items": [{"sku": "CUP-01"}]})
    heard.admin("tokens", {"scopes": ["read_orders"]})
    heard.admin("install", {})
    receiver.wait(2)
    assert receiver.events() == ["application.uninstalled", "application.installed"]


def test_a_refused_event_is_sent_again_after_15_30_and_45_minutes_then_by_the_hour(
    heard: Any, receiver: Any
) -> None:
    receiver.answers = [500] * 5
    happened(heard)
    began, tries = heard.clock.moment, []
    for count in range(1, 7):
        receiver.wait(count)
        tries.append(round((heard.clock.moment - began).total_seconds() / 60))
        eventually(lambda count=count: counts(heard)["failed"] == min(count, 5))
        if count < 6:
            heard.clock.pass_by(15 * 60 if count < 5 else 60 * 60)
    assert tries == [0, 15, 30, 45, 60, 120]
    eventually(lambda: counts(heard)["delivered"] == 1)
    assert len({body["eventId"] for _, _, body in receiver.got}) == 1


def test_an_event_is_given_up_a_day_after_its_first_failure(heard: Any, receiver: Any) -> None:
    receiver.answers = [500] * 100
    happened(heard)
    for count in range(1, 26):
        receiver.wait(count)
        eventually(lambda count=count: counts(heard)["failed"] == count)
        heard.clock.pass_by(3600)
    assert counts(heard) | {"url": ""} == {
        "url": "", "events": None, "headers": {}, "queued": 0, "blocked": False, "delivered": 0,
        "failed": 25, "given_up": 1, "dropped": 0,
    }  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 209])
def test_these_answers_count_as_taken(heard: Any, receiver: Any, status: int) -> None:
    receiver.answers = [status]
    happened(heard)
    eventually(lambda: counts(heard)["delivered"] == 1)


@pytest.mark.parametrize("status", [203, 208, 302, 404, 503])
def test_these_do_not(heard: Any, receiver: Any, status: int) -> None:
    receiver.answers = [status]
    happened(heard)
    eventually(lambda: counts(heard)["failed"] == 1)
    assert counts(heard)["queued"] == 1


def test_the_older_rule_takes_200_alone(store: Open, receiver: Any) -> None:
    api = store(webhook_success="200")
    register(api, receiver)
    receiver.answers = [202]
    happened(api)
    eventually(lambda: counts(api)["failed"] == 1)


def test_an_endpoint_that_is_not_there_is_a_failure(store: Open, receiver: Any) -> None:
    api = store()
    receiver.close()
    register(api, receiver)
    happened(api)
    eventually(lambda: counts(api)["failed"] == 1)


def test_a_change_and_its_event_are_one_transaction(heard: Any, receiver: Any) -> None:
    made = heard.coupon("EVENT1").json()["id"]
    assert heard.coupon("EVENT1").status_code == 409
    happened(heard)
    receiver.wait(2)
    assert receiver.events() == ["discount_coupon.created", "application.installed"]
    assert receiver.got[0][2]["entityId"] == made


def test_an_endpoint_that_was_dead_for_two_weeks_hears_nothing_until_it_is_registered_anew(
    heard: Any, receiver: Any
) -> None:
    receiver.answers = [500] * 3
    happened(heard)
    receiver.wait(1)
    eventually(lambda: counts(heard)["failed"] == 1)
    heard.clock.pass_by(15 * 86_400)
    eventually(lambda: counts(heard)["blocked"])
    happened(heard)
    assert counts(heard)["queued"] == 0
    register(heard, receiver)
    receiver.answers = []
    happened(heard)
    eventually(lambda: counts(heard)["delivered"] == 1)


def test_there_are_42_events() -> None:
    assert len(EVENTS) == 42


def test_repeated_dropped_and_late_by_the_plan_of_faults(heard: Any, receiver: Any) -> None:
    heard.lay(webhooks_repeated={"times": 1})
    happened(heard)
    first, second = receiver.wait(2)
    assert first == second
    heard.lay(webhooks_repeated=False, webhooks_dropped={"times": 1})
    happened(heard)
    heard.lay(webhooks_delayed={"seconds": 100, "times": 1})
    happened(heard)
    assert (counts(heard)["queued"], counts(heard)["dropped"]) == (1, 1)
    heard.clock.pass_by(100)
    receiver.wait(3)
    assert heard.counters()["faults"] == {
        "webhooks_repeated": 1, "webhooks_dropped": 1, "webhooks_delayed": 1,
    }  # fmt: skip


def test_a_later_event_overtakes_one_that_is_held_back(heard: Any, receiver: Any) -> None:
    heard.lay(webhooks_reordered={"seconds": 10, "times": 1})
    happened(heard)
    heard.admin("uninstall", {})
    receiver.wait(1)
    heard.clock.pass_by(10)
    receiver.wait(2)
    assert receiver.events() == ["application.uninstalled", "application.installed"]


def test_the_other_spelling_of_event_names(store: Open, receiver: Any) -> None:
    api = store(webhook_spelling="snake")
    register(api, receiver)
    with api.opened.store.state.transaction():
        api.opened.store.happened("profile.subscriptionStatusChanged", 1003, {"newSubscriptionName": "Free"})
    [body] = receiver.wait(1)
    assert body["eventType"] == "profile.subscription_status_changed"
    assert receiver.got[0][0].endswith("eventtype=profile.subscription_status_changed")
    assert (body["entityId"], body["data"]) == (1003, {"newSubscriptionName": "Free"})


@pytest.mark.parametrize(
    ("body", "word"),
    [({"url": "ftp://x"}, "url"), ({}, "url"), ({"url": "http://x/", "events": ["order.created", "orde.r"]}, "orde.r"),
     ({"url": "http://x/", "events": "order.created"}, "events")],
    ids=["scheme", "none", "event", "no list"],
)  # fmt: skip
def test_a_registration_that_cannot_be_meant_is_told(api: Any, body: Any, word: str) -> None:
    answer = api.admin("webhooks", body)
    assert answer.status_code == 400
    assert word in answer.json()["errorMessage"]


def test_an_event_outlives_the_death_of_the_sandbox(process: Any, receiver: Any) -> None:
    api = process.start("--speed", "20000")
    receiver.answers = [503]
    register(api, receiver)
    api.lay(webhooks_delayed={"seconds": 10**9})
    happened(api)
    api.lay(webhooks_delayed=False)
    happened(api)
    eventually(lambda: counts(api)["failed"] == 1)
    process.end(signal.SIGKILL)
    seen = len(receiver.got)
    again = process.start("--speed", "20000")
    bodies = receiver.wait(seen + 1)
    eventually(lambda: counts(again)["delivered"] == 1)
    assert bodies[0]["eventId"] == bodies[-1]["eventId"]
    assert counts(again)["queued"] == 1


class Told(BaseHTTPRequestHandler):
    """Keeps the headers of what it is sent, each as often as it came."""

    heard: ClassVar[list[Message]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(self.headers)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


def test_an_apps_own_headers_are_sent_beside_the_stores_own(store: Open) -> None:
    api = store(requests_per_minute=1_000_000)
    Told.heard.clear()
    with HTTPServer(("127.0.0.1", 0), Told) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        headers = {"X-Shop": "till 1", "Content-Type": "text/plain"}
        url = f"http://127.0.0.1:{server.server_port}/"
        assert api.admin("webhooks", {"url": url, "headers": headers}).json()["headers"] == headers
        happened(api)
        thread.join(timeout=15)
    [heard] = Told.heard
    assert heard["X-Shop"] == "till 1"
    assert heard.get_all("Content-Type") == ["application/json; charset=UTF-8", "text/plain"]
    assert heard["X-Ecwid-Webhook-Signature"]


@pytest.mark.parametrize(
    "headers", [["X-Shop"], {"X Shop": "1"}, {"X-Shop": "1\r\nX-Other: 2"}, {"X-Shop": "č"}], ids=str
)
def test_headers_that_cannot_be_sent_are_refused(api: Any, headers: Any) -> None:
    assert api.admin("webhooks", {"url": "http://127.0.0.1:1/", "headers": headers}).status_code == 400
