"""What comes in: bounded before anything parses it, answered with our headers on every path, and read by a few typed readers."""

from __future__ import annotations

import ast
import json
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs
from werkzeug.wrappers import Response

from tests.accounts import LEAST_COST, add_account
from tests.clocks import FakeClock
from tests.house.source import modules
from tests.security.fuzzing import Drawn
from tests.security.lone import Lone, answer
from tests.shop import ANA, NOW, SHOP
from tests.web.site import PASSWORD, open_shop, plan_run, services_for, sign_in, token_on
from tillroll.campaign.text.clean import Uncleanable
from tillroll.errors import NotAllowed, Refused
from tillroll.settings import Settings
from tillroll.track.webhooks.body import read_json_object
from tillroll.track.webhooks.intake import read_event, sign
from tillroll.web.app import create_app
from tillroll.web.server.limits import BODY_BYTES, HEADER_BYTES, HEADER_FIELDS, LINE_BYTES
from tillroll.web.support.inputs import MOST_NUMBER, number_of

SECRET = "the app's client secret"
LARGE_JSON = b'{"a": "' + b"x" * 70_000 + b'"}'
DEEP_JSON = b"[" * 30_000
POLICY = "default-src 'none'"


@pytest.fixture
def app(ledger: Engine, tmp_path: Path) -> Flask:
    settings = Settings(home=tmp_path, client_id="app", client_secret=SECRET)
    made = create_app(
        services_for(ledger, tmp_path, FakeClock(), settings), testing=True, password_cost=LEAST_COST
    )
    add_account(ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    plan_run(ledger, open_shop(ledger, customers=30))
    return made


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ana(app: Flask) -> FlaskClient:
    client = app.test_client()
    sign_in(client)
    return client


def paths(app: Flask) -> set[str]:
    """Return an example of every address of the app, and of one that there isn't."""
    examples = {
        "store_number": "1003",
        "ecwid_id": "1003",
        "run_id": "1",
        "name": "winback",
        "filename": "tillroll.css",
    }
    found = {"/no/such/page"}
    for rule in app.url_map.iter_rules():
        found.add(re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda match: examples.get(match[1], "1"), rule.rule))
    return found


@pytest.mark.parametrize("body", [LARGE_JSON, DEEP_JSON, b"[" * 900 + b"]" * 900, b'["email"]', b"9" * 5_000])
def test_no_json_brings_an_anonymous_500_anywhere(app: Flask, stranger: FlaskClient, body: bytes) -> None:
    for path in sorted(paths(app)):
        with (
            capture_logs() as logged,
            stranger.post(path, data=body, content_type="application/json") as given,
        ):
            assert given.status_code < 500, path
            assert POLICY in given.headers["Content-Security-Policy"], path
        assert len(logged) <= 1, (path, logged)
        assert len(str(logged)) < 600, path
        assert "xxx" not in str(logged), "no content of a request is logged"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("multipart/form-data; boundary=x", 415), ("application/json", 415), ("text/plain", 415), ("", 415)],
)
def test_pages_take_forms_and_nothing_else(ana: FlaskClient, content_type: str, status: int) -> None:
    assert ana.post("/login", data=b"--x--", content_type=content_type).status_code == status


def test_a_form_has_a_bound_in_bytes_and_in_fields(ana: FlaskClient) -> None:
    assert ana.post(f"{SHOP}/drift/fix", data={"note": "x" * 70_000}).status_code == 413
    assert ana.post(f"{SHOP}/drift/fix", data={"drift": ["1"] * 1_000}).status_code == 413
    assert ana.get(f"{SHOP}/runs?campaign={'x' * 3_000}").status_code == 414
    assert ana.get(f"{SHOP}/runs?{'a=1&' * 100}").status_code == 414


@pytest.mark.parametrize("number", ["²", "१", "1" * 5_000, "-1", "1e3", " 1"])
def test_what_is_no_number_of_a_row_is_told_so(ana: FlaskClient, number: str) -> None:
    token = token_on(ana.get(f"{SHOP}/"))
    answer = ana.post(f"{SHOP}/drift/fix", data={"csrf_token": token, "drift": number}, follow_redirects=True)
    assert answer.status_code < 500
    assert "can&#39;t be read" in answer.text
    assert ana.get(f"{SHOP}/runs", query_string={"before": number[:500]}).status_code in (200, 404)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "PROPFIND", "X-OWN"])
def test_every_method_gets_the_headers(app: Flask, stranger: FlaskClient, method: str) -> None:
    for path in paths(app):
        with stranger.open(path, method=method) as given:
            assert given.status_code < 500, path
            assert POLICY in given.headers["Content-Security-Policy"], path
            assert given.headers["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.parametrize(
    ("path", "query", "host"),
    [
        (b"/\xff\xfe", b"", "localhost"),
        (b"/runs/\xed\xa0\x80", b"", "localhost"),
        (b"/login", b"\xff=\xfe", "localhost"),
        (b"/login", b"next=%ff%00", "localhost"),
        (b"/login", b"", "a b"),
        (b"/", b"", "\xff"),
        (b"/runs/%0d%0a\r\nX: y", b"", "localhost"),
        (b"/", b"a=\r\nX: y", "localhost"),
    ],
)
def test_odd_bytes_in_an_address_get_the_headers(app: Flask, path: bytes, query: bytes, host: str) -> None:
    drawn = Drawn(method="GET", path=path, query=query, body=b"", headers={"Host": host})
    given = Response.from_app(app, drawn.environ())
    assert given.status_code < 500
    assert POLICY in given.headers["Content-Security-Policy"]
    given.close()


@pytest.mark.parametrize("rest", [b"\n", b"a\r\nX: y", b"a?b", b"a%b", "ž".encode()])
def test_a_former_address_leads_on_to_the_same_words(ana: FlaskClient, rest: bytes) -> None:
    """The fuzzer found a line break in one: an error of the redirect's header."""
    given = ana.get(f"/runs/1/{quote(rest)}?customer=1")
    if b"\n" in rest:
        assert given.status_code == 404
    else:
        assert given.location == f"{SHOP}/runs/1/{quote(rest)}?customer=1"


def test_a_refused_method_says_which_there_are(stranger: FlaskClient) -> None:
    refused = stranger.put("/healthz")
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]
    assert refused.is_json


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9 x\r\n\r\n", b"400"),
        (b"GET /" + b"a" * LINE_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * (HEADER_FIELDS + 2) + b"\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * HEADER_BYTES + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1), b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_what_fails_before_routing_gets_a_short_page_with_the_headers(
    request_bytes: bytes, status: bytes
) -> None:
    lone = Lone()
    try:
        said = answer(lone, lone.client(request_bytes))
    finally:
        lone.close()
    head, _, page = said.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert POLICY.encode() in head
    assert b"nosniff" in head
    assert b"no-store" in head
    assert len(page) < 1_000
    assert b"aaaa" not in page, "nothing of the request is repeated"


def test_programs_get_json_before_routing_too() -> None:
    lone = Lone()
    try:
        said = answer(lone, lone.client(b"POST /webhooks/ecwid HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"))
    finally:
        lone.close()
    assert b"application/json" in said
    assert set(json.loads(said.partition(b"\r\n\r\n")[2])) == {"status"}


@pytest.mark.parametrize("event_id", ["\ud800", "a\udfff", "a\x00b", "\x1b[31m"])
def test_an_event_whose_id_is_no_text_is_refused_before_its_signature(
    event_id: str, stranger: FlaskClient
) -> None:
    body = json.dumps({"eventId": event_id, "eventCreated": int(NOW.timestamp()), "storeId": 1003}).encode()
    with pytest.raises(Uncleanable):
        read_event(body, signature="x", client_secret=SECRET, now=NOW)
    assert stranger.post("/webhooks/ecwid", data=body).status_code == 400


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\x1b]0;x\x07", "x" * 900])
def test_what_a_signature_does_not_cover_is_cleaned(text: str) -> None:
    created = int(NOW.timestamp())
    raw = {
        "eventId": "1",
        "eventCreated": created,
        "storeId": 1003,
        "entityId": text,
        "eventType": text,
        "data": {text: text},
    }
    event = read_event(
        json.dumps(raw).encode(), signature=sign(SECRET, created, "1"), client_secret=SECRET, now=NOW
    )
    for kept in (event.entity, event.kind, *event.data, *event.data.values()):
        assert len(kept) <= 200
        assert kept.encode().decode().isprintable()


@pytest.mark.parametrize("store_id", [0, -1, 2**53, 10**30])
def test_no_store_has_such_a_number(store_id: int) -> None:
    body = json.dumps({"eventId": "1", "eventCreated": int(NOW.timestamp()), "storeId": store_id}).encode()
    with pytest.raises(Refused):
        read_event(body, signature="x", client_secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        DEEP_JSON,
        LARGE_JSON,
        b'{"a":' * 21 + b"1" + b"}" * 21,
        b"9" * 5_000,
        b'{"a": 1e999}',
        b'{"a": NaN}',
        b"\xff\xfe{\x00}\x00",
        b"[]",
        b"",
    ],
)
def test_a_body_that_is_no_small_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        read_json_object(body)


def test_brackets_in_a_text_are_no_depth() -> None:
    assert read_json_object(json.dumps({"a": '[{"\\' * 50}).encode()) == {"a": '[{"\\' * 50}


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_webhook(body: bytes) -> None:
    with pytest.raises((Refused, NotAllowed)):
        read_event(body, signature="x", client_secret=SECRET, now=NOW)


@given(st.text(max_size=30) | st.integers().map(str))
def test_a_number_is_ascii_digits_and_has_a_bound(raw: str) -> None:
    number = number_of(raw)
    if re.fullmatch("[0-9]{1,16}", raw, re.ASCII) and int(raw) <= MOST_NUMBER:
        assert number == int(raw)
    else:
        assert number is None


MAY_READ = {"web/support/inputs.py", "web/support/bounds.py", "web/support/forms.py"}
READS = {"args", "form", "values", "files", "json", "get_json", "get_data", "data"}


def test_only_the_readers_read_what_a_request_holds() -> None:
    found = [
        f"{module.place}:{node.lineno}"
        for module in modules()
        if module.inside.startswith("web/") and module.inside not in MAY_READ
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in READS
        and isinstance(node.value, ast.Name)
        and node.value.id == "request"
    ]
    assert found == []


def test_the_pages_are_served_on_ipv6(app: Flask) -> None:
    from tillroll.cli.operations.ports import address_of, port_is_free

    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        assert not port_is_free("::1", port)
    assert port_is_free("::1", port)
    assert address_of("::1", port) == f"[::1]:{port}"
