"""HTTP on the wire: every form of request that a client may send, and compressed answers."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tillroll.sandbox.http.listener import HttpResponse, Listener, Request


def mirror(request: Request) -> HttpResponse:
    request_parts = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "content": request.content.decode(),
        "headers": dict(request.headers),
    }
    return HttpResponse(content=json.dumps(request_parts).encode())


@pytest.fixture
def listener() -> Iterator[Listener]:
    opened = Listener(0, mirror)
    opened.start()
    yield opened
    opened.close()


Talk = Callable[[bytes], tuple[int, bytes]]


@pytest.fixture
def talk(listener: Listener) -> Talk:
    """Send bytes on a new connection; return the status and everything received."""

    def exchange(sent: bytes) -> tuple[int, bytes]:
        with socket.create_connection(("127.0.0.1", listener.port), timeout=60) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            came = b""
            while piece := connection.recv(65536):
                came += piece
        return (int(came.split()[1]) if came else 0), came

    return exchange


def body_of(came: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(came.rpartition(b"\r\n\r\n")[2])
    return body


def test_a_chunked_body_is_read_as_a_whole(listener: Listener) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    answer = requests.post(f"http://127.0.0.1:{listener.port}/x", data=pieces(), timeout=60)
    assert answer.json()["content"] == '{"a":1}'


def test_a_client_that_expects_100_continue_gets_it(talk: Talk) -> None:
    _, came = talk(b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
    assert came.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert body_of(came)["content"] == "hi"


def test_pipelined_requests_are_answered_in_order(talk: Talk) -> None:
    _, came = talk(b"GET /one HTTP/1.1\r\n\r\nGET /two?a=b HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert came.count(b"HTTP/1.1 200 OK") == 2
    assert (body_of(came)["path"], body_of(came)["query"]) == ("/two", "a=b")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /x HTTP/2.0\r\n\r\n", 400),
        (b"BREW /x HTTP/1.1\r\n\r\n", 501),
        (b"GET /x HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nA : b\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhi", 0),
        (b"", 0),
    ],
    ids=[
        "words",
        "version",
        "method",
        "header",
        "space",
        "headers",
        "minus",
        "large",
        "chunk",
        "short",
        "none",
    ],
)
def test_a_malformed_request_is_refused_and_the_listener_keeps_running(
    talk: Talk, sent: bytes, status: int
) -> None:
    assert talk(sent)[0] == status
    assert talk(b"GET /x HTTP/1.0\r\n\r\n")[0] == 200


def test_a_long_answer_is_compressed_on_request(api: Any) -> None:
    packed = api.call("GET", "/products", headers={"Accept-Encoding": "gzip"}, stream=True)
    raw = packed.raw.read(decode_content=False)
    plain = api.call("GET", "/products", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2


def test_closing_answers_received_requests_first(listener: Listener) -> None:
    with socket.create_connection(("127.0.0.1", listener.port), timeout=60) as connection:
        connection.sendall(b"GET /x HTTP/1.1\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        listener.close()
        assert connection.recv(65536) == b""
