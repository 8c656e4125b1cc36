"""A web server whose clock and turns are the test's, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress import wasyncore
from waitress.task import ThreadedTaskDispatcher

from tillroll.web.server.server import PagesServer, adjustments

LARGE = 12 * 1024 * 1024  # bytes: more than two sockets hold


def small_app(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Answer with a large page at /large, otherwise with two letters."""
    content = b"x" * LARGE if environ["PATH_INFO"] == "/large" else b"ok"
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]


class Lone:
    """A server whose clock and turns are the test's."""

    def __init__(self, app: Callable[..., Any] = small_app, *, proxies: int = 0) -> None:
        self.now = 1_000.0
        self._map: dict[int, Any] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        listener = self._listener
        pages = ThreadedTaskDispatcher()
        pages.set_thread_count(2)
        self.server = PagesServer(
            app, self._map, True, listener, dispatcher=pages, adj=adjustments([listener]), bind_socket=False,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            monotonic=lambda: self.now, proxies=proxies,
        )  # fmt: skip
        self.clients: list[socket.socket] = []

    def client(self, start: bytes = b"") -> socket.socket:
        made = socket.create_connection(self._listener.getsockname()[:2], timeout=10)
        self.clients.append(made)
        made.sendall(start)
        self.until(lambda: len(self.server.active_channels) >= 1)
        return made

    def turn(self, seconds: float = 0.0) -> None:
        """Let the time pass, then let the server look at its connections."""
        self.now += seconds
        wasyncore.loop(timeout=0.01, use_poll=True, map=self._map, count=1)

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(3_000):
            if condition():
                return
            self.turn(0.001)
        raise AssertionError("it never came true")

    def all_taken_in(self, count: int) -> None:
        """Wait until so many connections are known, each in the phase that its bytes put it."""
        self.until(lambda: len(self.server.active_channels) == count)
        for _ in range(3):
            self.turn(0.01)
        self.turn(1.0)

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.server.shut_down()
        self.server.close()
        self._listener.close()


def answer(lone: Lone, client: socket.socket) -> bytes:
    """Return all that the server sends until it closes the connection."""
    content, client_done = b"", False
    client.setblocking(False)
    for _ in range(3_000):
        lone.turn()
        with suppress(BlockingIOError):
            piece = client.recv(65_536)
            client_done = not piece
            content += piece
        if client_done:
            return content
    raise AssertionError(f"the connection stayed open after {content!r}")
