"""Webhooks: signed, sent until they are accepted, and not lost by a crash."""

from __future__ import annotations

import base64
import hashlib
import hmac
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from tests.sandbox.conftest import eventually
from tillroll.clock import SystemClock
from tillroll.sandbox.http.delivery import read_status
from tillroll.sandbox.state.webhooks import EVENTS

Open = Callable[..., Any]


@pytest.fixture
def subscribed(store: Open, receiver: Any) -> Any:
    """A store that sends events about its coupons to the receiver."""
    api = store(requests_per_minute=1_000_000)
    register(api, receiver)
    return api


def register(api: Any, receiver: Any, *events: str) -> None:
    body = {"url": receiver.url, "events": list(events)} if events else {"url": receiver.url}
    assert api.admin("webhooks", body).status_code == 200


def reinstall(api: Any) -> None:
    """Cause an event that needs no endpoint: the app is installed again."""
    api.admin("install", {})


def counts(api: Any) -> dict[str, Any]:
    body: dict[str, Any] = api.admin("webhooks").json()
    return body


def test_an_event_is_sent_signed_with_its_type_in_the_query(subscribed: Any, receiver: Any) -> None:
    subscribed.admin("uninstall", {})
    [body] = receiver.wait(1)
    query, headers, _ = receiver.got[0]
    assert query == "app=1&eventtype=application.uninstalled"
    assert headers["content-type"] == "application/json; charset=UTF-8"
    stores = subscribed.session.get(f"{subscribed.root}/sandbox/stores", timeout=60).json()["stores"]
    secret = stores[0]["client_secret"]
    message = f"{body['eventCreated']}.{body['eventId']}".encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    assert headers["x-ecwid-webhook-signature"] == base64.b64encode(digest).decode()
    assert (body["storeId"], body["entityId"], body["eventType"]) == (1003, "1003", "application.uninstalled")
    assert "data" not in body


def test_nothing_is_queued_without_a_registered_endpoint(api: Any) -> None:
    reinstall(api)
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


def test_an_app_gets_no_events_once_uninstalled_and_none_without_the_scope(
    subscribed: Any, receiver: Any
) -> None:
    subscribed.admin("uninstall", {})
    subscribed.admin("checkout", {"email": "a@example.com", "items": [{"sku": "CUP-01"}]})
    subscribed.admin("tokens", {"scopes": ["read_orders"]})
    subscribed.admin("install", {})
    receiver.wait(2)
    assert receiver.events() == ["application.uninstalled", "application.installed"]


def test_a_refused_event_is_sent_again_after_15_30_and_45_minutes_then_hourly(
    subscribed: Any, receiver: Any
) -> None:
    receiver.answers = [500] * 5
    reinstall(subscribed)
    began, tries = subscribed.clock.at, []
    for count in range(1, 7):
        receiver.wait(count)
        tries.append(round((subscribed.clock.at - began).total_seconds() / 60))
        eventually(lambda count=count: counts(subscribed)["failed"] == min(count, 5))
        if count < 6:
            subscribed.clock.pass_by(15 * 60 if count < 5 else 60 * 60)
    assert tries == [0, 15, 30, 45, 60, 120]
    eventually(lambda: counts(subscribed)["delivered"] == 1)
    assert len({body["eventId"] for _, _, body in receiver.got}) == 1


def test_an_event_is_given_up_a_day_after_its_first_failure(subscribed: Any, receiver: Any) -> None:
    receiver.answers = [500] * 100
    reinstall(subscribed)
    for count in range(1, 26):
        receiver.wait(count)
        eventually(lambda count=count: counts(subscribed)["failed"] == count)
        subscribed.clock.pass_by(3600)
    assert counts(subscribed) | {"url": ""} == {
        "url": "", "events": None, "headers": {}, "queued": 0, "blocked": False, "delivered": 0,
        "failed": 25, "given_up": 1, "dropped": 0,
    }  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 209])
def test_these_statuses_count_as_delivered(subscribed: Any, receiver: Any, status: int) -> None:
    receiver.answers = [status]
    reinstall(subscribed)
    eventually(lambda: counts(subscribed)["delivered"] == 1)


@pytest.mark.parametrize("status", [203, 208, 302, 404, 503])
def test_other_statuses_count_as_failed(subscribed: Any, receiver: Any, status: int) -> None:
    receiver.answers = [status]
    reinstall(subscribed)
    eventually(lambda: counts(subscribed)["failed"] == 1)
    assert counts(subscribed)["queued"] == 1


def test_by_the_older_rule_only_200_counts_as_delivered(store: Open, receiver: Any) -> None:
    api = store(webhook_success="200")
    register(api, receiver)
    receiver.answers = [202]
    reinstall(api)
    eventually(lambda: counts(api)["failed"] == 1)


def test_an_unreachable_endpoint_counts_as_a_failure(store: Open, receiver: Any) -> None:
    api = store()
    receiver.close()
    register(api, receiver)
    reinstall(api)
    eventually(lambda: counts(api)["failed"] == 1)


def test_a_change_and_its_event_are_one_transaction(subscribed: Any, receiver: Any) -> None:
    made = subscribed.coupon("EVENT1").json()["id"]
    assert subscribed.coupon("EVENT1").status_code == 409
    reinstall(subscribed)
    receiver.wait(2)
    assert receiver.events() == ["discount_coupon.created", "application.installed"]
    assert receiver.got[0][2]["entityId"] == made


def test_an_endpoint_that_failed_for_two_weeks_gets_no_events_until_registered_again(
    subscribed: Any, receiver: Any
) -> None:
    receiver.answers = [500] * 3
    reinstall(subscribed)
    receiver.wait(1)
    eventually(lambda: counts(subscribed)["failed"] == 1)
    subscribed.clock.pass_by(15 * 86_400)
    eventually(lambda: counts(subscribed)["blocked"])
    reinstall(subscribed)
    assert counts(subscribed)["queued"] == 0
    register(subscribed, receiver)
    receiver.answers = []
    reinstall(subscribed)
    eventually(lambda: counts(subscribed)["delivered"] == 1)


def test_there_are_42_events() -> None:
    assert len(EVENTS) == 42


def test_a_plan_of_faults_repeats_drops_and_delays_events(subscribed: Any, receiver: Any) -> None:
    subscribed.lay(webhooks_repeated={"times": 1})
    reinstall(subscribed)
    first, second = receiver.wait(2)
    assert first == second
    subscribed.lay(webhooks_repeated=False, webhooks_dropped={"times": 1})
    reinstall(subscribed)
    subscribed.lay(webhooks_delayed={"seconds": 100, "times": 1})
    reinstall(subscribed)
    assert (counts(subscribed)["queued"], counts(subscribed)["dropped"]) == (1, 1)
    subscribed.clock.pass_by(100)
    receiver.wait(3)
    assert subscribed.counters()["faults"] == {
        "webhooks_repeated": 1, "webhooks_dropped": 1, "webhooks_delayed": 1,
    }  # fmt: skip


def test_a_later_event_overtakes_a_delayed_one(subscribed: Any, receiver: Any) -> None:
    subscribed.lay(webhooks_reordered={"seconds": 10, "times": 1})
    reinstall(subscribed)
    subscribed.admin("uninstall", {})
    receiver.wait(1)
    subscribed.clock.pass_by(10)
    receiver.wait(2)
    assert receiver.events() == ["application.uninstalled", "application.installed"]


def test_event_names_may_be_in_snake_case(store: Open, receiver: Any) -> None:
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
def test_an_invalid_registration_is_refused_with_a_message(api: Any, body: Any, word: str) -> None:
    answer = api.admin("webhooks", body)
    assert answer.status_code == 400
    assert word in answer.json()["errorMessage"]


def test_an_event_survives_the_killing_of_the_sandbox(process: Any, receiver: Any) -> None:
    api = process.start("--speed", "20000")
    receiver.answers = [503]
    register(api, receiver)
    api.lay(webhooks_delayed={"seconds": 10**9})
    reinstall(api)
    api.lay(webhooks_delayed=False)
    reinstall(api)
    eventually(lambda: counts(api)["failed"] == 1)
    process.end(signal.SIGKILL)
    seen = len(receiver.got)
    again = process.start("--speed", "20000")
    bodies = receiver.wait(seen + 1)
    eventually(lambda: counts(again)["delivered"] == 1)
    assert bodies[0]["eventId"] == bodies[-1]["eventId"]
    assert counts(again)["queued"] == 1


class HeaderRecorder(BaseHTTPRequestHandler):
    """A handler that keeps the headers of each request, with repeated ones."""

    received: ClassVar[list[Message]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(self.headers)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_an_apps_own_headers_are_sent_beside_the_stores_own(store: Open) -> None:
    api = store(requests_per_minute=1_000_000)
    HeaderRecorder.received.clear()
    with HTTPServer(("127.0.0.1", 0), HeaderRecorder) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        headers = {"X-Shop": "till 1", "Content-Type": "text/plain"}
        url = f"http://127.0.0.1:{server.server_port}/"
        assert api.admin("webhooks", {"url": url, "headers": headers}).json()["headers"] == headers
        reinstall(api)
        thread.join(timeout=60)
    [sent] = HeaderRecorder.received
    assert sent["X-Shop"] == "till 1"
    assert sent.get_all("Content-Type") == ["application/json; charset=UTF-8", "text/plain"]
    assert sent["X-Ecwid-Webhook-Signature"]


@pytest.mark.parametrize(
    "headers", [["X-Shop"], {"X Shop": "1"}, {"X-Shop": "1\r\nX-Other: 2"}, {"X-Shop": "č"}], ids=str
)
def test_headers_that_cannot_be_sent_are_refused(api: Any, headers: Any) -> None:
    assert api.admin("webhooks", {"url": "http://127.0.0.1:1/", "headers": headers}).status_code == 400


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (b"HTTP/1.1 200", b""),
        (b"HTTP/1.1 200 ", b"x" * 1_000),
        (b"", b"1"),
        (b"200 OK\r\n", b""),
        (b"HTTP/1.1 200000\r\n", b""),
    ],
    ids=["cut off", "without end", "dripping", "no status", "no number"],
)
def test_an_answer_that_never_tells_its_status_is_given_up(answer: bytes, again: bytes) -> None:
    ours, theirs = socket.socketpair()
    hung_up = threading.Event()

    def talk() -> None:
        with suppress(OSError):
            theirs.sendall(answer)
            while again and not hung_up.wait(0.02):
                theirs.sendall(again)

    thread = threading.Thread(target=talk)
    with ours, theirs:
        thread.start()
        with pytest.raises((OSError, ValueError)):
            read_status(ours, SystemClock(), seconds=0.3)
        hung_up.set()
        thread.join()
