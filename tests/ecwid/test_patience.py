"""An answer has a time for the whole of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tillroll.ecwid.patience import Patient

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def answering(first: bytes, then: bytes) -> Iterator[str]:
    """A server that answers one call: with the first bytes, then with the others again and again, twenty times a second."""
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


def ask(address: str, seconds: float) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", Patient())
        return session.get(address, timeout=(1.0, seconds))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HEAD, b"X"),  # in the middle of a header
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_an_answer_that_comes_a_byte_at_a_time_is_given_up_when_its_time_is_over(
    first: bytes, then: bytes
) -> None:
    with answering(first, then) as address, pytest.raises(requests.RequestException) as given_up:
        ask(address, 0.4)
    assert "timed out" in str(given_up.value).lower() or "too long" in str(given_up.value)


def test_a_long_answer_arrives_whole() -> None:
    body = b"tea " * 100_000
    with answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, b"") as address:
        assert ask(address, 30.0).content == body
