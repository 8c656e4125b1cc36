"""Slow clients: what sends or reads a byte now and then costs nobody else, and is cut."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.crash.worker import installation
from tests.security.lone import Lone, answer
from tests.security.serving import health, site
from tests.store import running
from tillroll.web.server.limits import PATIENCE, PER_ADDRESS, TEMPOS, Phase, is_too_slow, neighbourhood

HALF_HEADER = b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = b"POST /webhooks/ecwid HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n{"
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def lone() -> Iterator[Lone]:
    made = Lone()
    yield made
    made.close()


@pytest.mark.parametrize(("start", "phase"), [(HALF_HEADER, Phase.HEADER), (HALF_BODY, Phase.BODY)])
def test_a_request_that_stops_half_way_is_told_so_and_cut(lone: Lone, start: bytes, phase: Phase) -> None:
    client = lone.client(start)
    lone.all_taken_in(1)
    lone.turn(TEMPOS[phase].first - 2)
    assert lone.server.active_channels, "an honest client has that long"
    lone.turn(4)
    said = answer(lone, client)
    assert said.startswith(b"HTTP/1.1 408 ") or said.startswith(b"HTTP/1.0 408 ")
    assert b"Content-Security-Policy: default-src 'none'" in said
    assert b"nosniff" in said


@pytest.mark.parametrize(("start", "phase"), [(HALF_HEADER, Phase.HEADER), (HALF_BODY, Phase.BODY)])
def test_a_byte_a_second_wins_no_time(lone: Lone, start: bytes, phase: Phase) -> None:
    client = lone.client(start)
    lone.all_taken_in(1)
    seconds = 0
    while lone.server.active_channels and seconds < 60:
        with suppress(OSError):
            client.send(b"x")
        lone.turn(1)
        seconds += 1
    assert TEMPOS[phase].first - 3 <= seconds <= TEMPOS[phase].first + 3


def test_a_client_that_is_slow_but_steady_is_served(lone: Lone) -> None:
    body = b"x" * 30_000
    client = lone.client(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 30000\r\n\r\n"
    )
    for start in range(0, len(body), 2_500):
        client.sendall(body[start : start + 2_500])
        lone.turn(1)
    assert answer(lone, client).endswith(b"ok")


def test_a_connection_without_a_request_is_closed_silently(lone: Lone) -> None:
    client = lone.client()
    lone.all_taken_in(1)
    lone.turn(TEMPOS[Phase.IDLE].whole + 1)
    assert answer(lone, client) == b""


def test_a_client_that_does_not_read_its_answer_is_cut(lone: Lone) -> None:
    lone.client(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    lone.until(lambda: any(channel.total_outbufs_len for channel in lone.server.active_channels.values()))
    lone.until(lambda: not any(channel.requests for channel in lone.server.active_channels.values()))
    lone.turn(1)
    for _ in range(TEMPOS[Phase.ANSWER].whole.__ceil__() + 5):
        lone.turn(1)
    assert not lone.server.active_channels


def test_of_one_address_only_so_many_may_keep_us_waiting(lone: Lone) -> None:
    clients = [lone.client(HALF_HEADER) for _ in range(PER_ADDRESS + 10)]
    lone.all_taken_in(len(clients))
    assert len(lone.server.active_channels) == len(clients), "a burst alone is no fault"
    lone.turn(PATIENCE + 0.5)
    lone.turn(0.1)
    assert len(lone.server.active_channels) == PER_ADDRESS
    assert [_status(client) for client in clients].count("429") == 10
    honest = lone.client(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer(lone, honest).startswith(b"HTTP/1.1 200 OK")


def _status(client: socket.socket) -> str:
    client.setblocking(False)
    try:
        return client.recv(64).split()[1].decode()
    except (BlockingIOError, IndexError):
        return ""


def test_behind_a_proxy_the_bound_counts_the_addresses_it_names() -> None:
    lone = Lone(proxies=1)
    try:
        for number in range(PER_ADDRESS + 10):
            hop = b"203.0.113.%d" % (number % 2)
            lone.client(HALF_BODY.replace(b"Host:", b"X-Forwarded-For: 198.51.100.1, " + hop + b"\r\nHost:"))
        lone.all_taken_in(PER_ADDRESS + 10)
        lone.turn(PATIENCE + 0.5)
        lone.turn(0.1)
        assert len(lone.server.active_channels) == PER_ADDRESS + 10, "neither address has too many"
    finally:
        lone.close()


def test_an_ipv6_customer_is_one_address() -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2:ffff::9") == "2001:db8:1:2::"
    assert neighbourhood("::ffff:203.0.113.9") == "203.0.113.9"


def test_the_app_may_take_as_long_as_it_needs() -> None:
    assert not is_too_slow(Phase.AT_WORK, seconds=3_600, moved=0)


def test_honest_clients_are_served_amid_slow_ones_and_sigterm_ends_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    with (
        running(tmp_path / "store") as store,
        installation(store, sqlite_url, tmp_path) as (_parts, environment),
        site(environment) as (child, port),
        ExitStack() as held,
    ):
        for start, count in ((HALF_HEADER, 200), (HALF_BODY, 50)):
            for _ in range(count):
                line = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
                line.sendall(start)
        began = time.monotonic()
        assert all(health(port) for _ in range(20))
        assert time.monotonic() - began < 60, "before, each waited until a slow one ended"
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=60) == 0
        assert time.monotonic() - began < 60
