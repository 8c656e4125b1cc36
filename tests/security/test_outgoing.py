"""Calls to the store: no redirect is followed, and every answer is bounded in bytes, time, depth and size."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house.source import modules, uses_of
from tests.security.raw_store import client_at, raw_store
from tests.store import SANDBOX_HOSTS
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http import headers, oauth
from tillroll.ecwid.http.answers import MOST_LEVELS, Unreadable, parse
from tillroll.ecwid.http.bounded import MOST_BYTES
from tillroll.ecwid.http.errors import (
    StoreBusy,
    StoreHangs,
    StoreMoved,
    StoreRefusal,
    StoreUnreachable,
    StoreUnreadable,
)
from tillroll.ecwid.http.session import HttpSession
from tillroll.errors import OutcomeUnknown, Refused, TillrollError

NOW = SystemClock().now()
REDIRECTS = ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")
OPENING = {"urllib3", "requests", "httpx", "aiohttp", "http.client", "urllib.request"}


def write(client: Client) -> None:
    client.customers.set_consent(1, True)


def test_only_one_room_opens_http_connections() -> None:
    used = {use.partition(":")[0] for module in modules() for use in uses_of(OPENING, module)}
    assert {place for place in used if "sandbox/" not in place} == {
        "src/tillroll/ecwid/http/bounded.py",
        "src/tillroll/ecwid/http/session.py",
    }


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_is_followed_by_neither_reads_nor_writes(status: str) -> None:
    with raw_store() as elsewhere, raw_store() as store, client_at(store.address) as client:
        elsewhere.says("200 OK")
        store.says(status, b"", {"Location": f"{elsewhere.address}/1003/profile"})
        with pytest.raises(StoreMoved, match=r"redirect to 127\.0\.0\.1") as moved:
            client.shop.profile()
        assert "store's address" in moved.value.hint
        nothing_done = status.startswith(("307", "308"))
        with pytest.raises(StoreMoved if nothing_done else OutcomeUnknown, match="redirect"):
            write(client)
        assert len(store.asked) == 2
        assert elsewhere.asked == []


def test_a_redirect_of_the_token_exchange_is_not_followed() -> None:
    with raw_store() as elsewhere, raw_store() as store:
        elsewhere.says("200 OK", b'{"access_token": "secret_y", "store_id": 1003}')
        store.says("307 Temporary Redirect", b"", {"Location": elsewhere.address})
        app = oauth.App(
            oauth_url=store.address, client_id="a", client_secret="b", redirect_uri="http://x.example/"
        )
        with pytest.raises(Refused, match="no token"):
            oauth.exchange(app, hosts=SANDBOX_HOSTS, store_id=1003, code="c")
        assert elsewhere.asked == []


def test_cookies_of_the_store_are_not_sent_back() -> None:
    with raw_store() as store:
        store.says("200 OK", b"{}", {"Set-Cookie": "a=b"})
        session = HttpSession(store.address, hosts=SANDBOX_HOSTS, headers={})
        session.call("GET", "/", seconds=5)
        store.says("200 OK", b"{}")
        answer = session.call("GET", "/", seconds=5)
        session.close()
    assert answer.body == b"{}"
    assert not hasattr(session, "cookies")


def test_a_small_packed_answer_does_not_become_a_large_one() -> None:
    bomb = gzip.compress(b"0" * 100_000_000)
    assert len(bomb) < 500_000
    with raw_store() as store, client_at(store.address) as client:
        store.says("200 OK", bomb, {"Content-Encoding": "gzip"})
        tracemalloc.start()
        try:
            with pytest.raises(StoreUnreadable, match="too large once unpacked"):
                client.shop.profile()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4 * MOST_BYTES
        store.says("400 Bad Request", bomb, {"Content-Encoding": "gzip"})
        with pytest.raises(StoreRefusal, match="Bad Request"):
            client.shop.profile()


def test_an_honest_packed_answer_is_read() -> None:
    with raw_store() as store, client_at(store.address) as client:
        store.says(
            "200 OK", gzip.compress(b'{"settings": {"storeName": "Tea"}}'), {"Content-Encoding": "gzip"}
        )
        assert client.shop.profile().name == "Tea"


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 60_000 + b"\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"T: " + b"x" * 60_000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"T: " + b"x" * 60_000 + b"\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\nT: x\r\n\r\n"),
    ],
    ids=["body", "chunk extensions", "trailers", "headers", "interim answers"],
)
def test_an_answer_without_end_is_given_up_after_its_bytes(answer: bytes, again: bytes) -> None:
    with raw_store() as store, client_at(store.address) as client:
        store.answer, store.again = answer, again
        with pytest.raises((StoreUnreadable, StoreUnreachable)) as given_up:
            client.connection._call("GET", "/profile")
        assert not isinstance(given_up.value, StoreHangs)
        with pytest.raises(OutcomeUnknown):
            write(client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Down for maintenance</html>",
        b"5",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": 1e',
        b"\xff\xfe",
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"[" * 500 + b"]" * 500,
        b"[" * 100_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b"[" + b"0," * 2_000_000 + b"0]",
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
def test_an_answer_that_is_not_json_within_bounds_is_a_sentence(body: bytes) -> None:
    with raw_store() as store, client_at(store.address) as client:
        store.says("200 OK", body)
        with pytest.raises(
            StoreUnreadable, match=r"The answer of store 1003 to GET /profile can't be read: .*\."
        ):
            client.connection._call("GET", "/profile")
        with pytest.raises(OutcomeUnknown, match="can't be read"):
            write(client)
        store.says("500 Oh", body)
        with pytest.raises(StoreUnreachable):
            client.connection._call("GET", "/profile")


def test_json_may_be_nested_up_to_the_bound() -> None:
    assert parse(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS)
    with pytest.raises(Unreadable, match="too deeply"):
        parse(b"[" * (MOST_LEVELS + 1) + b"]" * (MOST_LEVELS + 1))


@pytest.mark.parametrize(
    "rows",
    ['"x"', '{"id": 1}', "5", "[1]"],
)
def test_a_list_that_is_none_is_a_sentence(rows: str) -> None:
    with raw_store() as store, client_at(store.address) as client:
        store.says("200 OK", b'{"total": 1, "items": ' + rows.encode() + b"}")
        if rows == "[1]":  # a row that is no object is left out
            assert list(client.coupons.every()) == []
            return
        with pytest.raises(StoreUnreadable, match="holds no list"):
            list(client.coupons.every())


@pytest.mark.parametrize("id_", ["", '"id": null', '"id": [1]', '"id": {}', '"id": true'])
def test_a_row_without_an_id_does_not_cost_those_beside_it(id_: str) -> None:
    rows = ['{"id": 1, "name": "one"}', "{" + id_ + "}", '{"id": 2, "name": "two"}']
    with raw_store() as store, client_at(store.address) as client:
        store.says("200 OK", ('{"total": 3, "items": [' + ",".join(rows) + "]}").encode())
        read = list(client.connection.every("/things", identity=lambda row: row["id"]))
        assert [row["name"] for row in read] == ["one", "two"]
        assert len(store.asked) == 1


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("5", 5.0),
        ("2.5", 2.5),
        ("inf", 10.0),
        ("nan", 10.0),
        ("-5", 0.0),
        ("1e300", 3600.0),
        ("9" * 400, 10.0),
        ("²", 10.0),
        ("soon", 10.0),
        ("", 10.0),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 0.0),
        ("Sat, 01 Jan 2190 00:00:00 GMT", 3600.0),
        ("Sat, 99 Jan 99999 00:00:00 GMT", 10.0),
    ],
)
def test_a_wait_that_makes_no_sense_is_bounded(raw: str, seconds: float) -> None:
    assert headers.wait_asked({"Retry-After": raw}, NOW) == seconds
    with raw_store() as store, client_at(store.address) as client:
        store.says("429 Too Many Requests", b"{}", {"Retry-After": raw} if raw.isascii() else {})
        with pytest.raises(StoreBusy) as busy:
            client.connection._call("GET", "/profile")
        assert (busy.value.retry_at - SystemClock().now()).total_seconds() <= 3_600


@given(
    value=st.one_of(
        st.text(), st.from_regex(r"[0-9²³]{1,30}"), st.sampled_from(["inf", "nan", "-0", "1e999"])
    )
)
def test_headers_of_any_text_are_read_or_ignored(value: str) -> None:
    names = ("Retry-After", "X-RateLimit-Remaining", "Date")
    given_headers = dict.fromkeys(names, value)
    assert 0 <= headers.wait_asked(given_headers, NOW) <= 3_600
    left = headers.calls_left(given_headers)
    assert left is None or left >= 0
    skew = headers.clock_skew(given_headers, NOW)
    assert skew is None or NOW + skew


@given(
    raw=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    status=st.sampled_from(
        ["200 OK", "201 Created", "299 Odd", "304 Same", "403 No", "404 No", "418 No", "999 Odd"]
    ),
)
def test_whatever_json_the_store_answers_is_a_value_or_a_known_error(raw: object, status: str) -> None:
    with raw_store() as store, client_at(store.address) as client:
        store.says(status, json.dumps(raw).encode())
        for method in ("GET", "PUT"):
            assert _outcome(client, method) is None


def _outcome(client: Client, method: str) -> str | None:
    """Make a call; return what is wrong with its value, or with the sentence of its error."""
    try:
        value = client.connection._call(method, "/profile")
    except TillrollError as error:
        fine = error.message.isprintable() and len(error.message) < 500
        return None if fine else error.message
    return None if isinstance(value, dict) else repr(value)
