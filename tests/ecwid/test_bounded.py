"""An answer must arrive in full within its time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.store import SANDBOX_HOSTS
from tillroll.ecwid.http.session import CallFailed, HttpAnswer, HttpSession

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def answering(first: bytes, then: bytes) -> Iterator[str]:
    """Run a server that answers one call with `first`, and then with `then` twenty times a second."""
    over = threading.Event()

    def answer() -> None:
        taken, _ = listener.accept()
        with taken:
            taken.recv(65_536)
            taken.sendall(first)
            while then and not over.wait(0.05):
                try:
                    taken.sendall(then)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        over.set()
        thread.join()


def ask(address: str, seconds: float) -> HttpAnswer:
    session = HttpSession(address, hosts=SANDBOX_HOSTS, headers={})
    try:
        return session.call("GET", "/", seconds=seconds)
    finally:
        session.close()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HEAD, b"X"),  # in the middle of a header
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_an_answer_that_comes_a_byte_at_a_time_is_given_up_after_its_time(first: bytes, then: bytes) -> None:
    with answering(first, then) as address, pytest.raises(CallFailed) as given_up:
        ask(address, 0.4)
    assert given_up.value.hung


def test_a_long_answer_arrives_in_full() -> None:
    body = b"tea " * 100_000
    with answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, b"") as address:
        assert ask(address, 30.0).body == body
