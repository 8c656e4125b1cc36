"""One connection: which phase it is in since when, and how it is cut off."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any

from waitress.channel import HTTPChannel
from waitress.utilities import Error

from tillroll.web.server.answers import PageTask, ProblemTask
from tillroll.web.server.limits import Phase, is_too_slow, neighbourhood
from tillroll.web.server.parser import RequestParser


class ClientConnection(HTTPChannel):
    """A connection of waitress that knows what it waits for. Its clock is the server's."""

    parser_class = RequestParser
    task_class = PageTask
    error_task_class = ProblemTask

    # waitress' own, which has no types
    request: Any
    requests: list[Any]
    total_outbufs_len: int

    def __init__(self, server: Any, *words: Any, **options: Any) -> None:
        self.phase, self.since, self.moved = Phase.IDLE, server.monotonic(), 0
        self._reading: object = None
        self.lingers = False  # whether the client may still be sending when the answer has left
        self._lingering = False
        super().__init__(server, *words, **options)

    def look(self, now: float) -> None:
        """Note the phase that the connection is in, and since when."""
        phase, reading = self._phase(), self.request
        if phase is not self.phase or reading is not self._reading:
            self.phase, self.since, self.moved, self._reading = phase, now, 0, reading

    def is_too_slow(self, now: float) -> bool:
        """Whether the client has taken too long for the present phase."""
        return is_too_slow(self.phase, seconds=now - self.since, moved=self.moved)

    def _phase(self) -> Phase:
        request = self.request
        if self._lingering:
            return Phase.LINGER
        if self.requests:
            return Phase.AT_WORK if not self.total_outbufs_len else Phase.ANSWER
        if self.total_outbufs_len:
            return Phase.ANSWER
        if request is None:
            return Phase.IDLE
        return Phase.BODY if request.headers_finished else Phase.HEADER

    def neighbour(self, proxies: int) -> str | None:
        """Return what the bound per address counts this connection by; None while only a proxy's address is known."""
        if not proxies:
            return neighbourhood(str(self.addr[0]))
        request = self.request
        if request is None or not request.headers_finished:
            return None
        hops = [hop.strip() for hop in request.headers.get("X_FORWARDED_FOR", "").split(",")]
        return neighbourhood(hops[-proxies]) if len(hops) >= proxies and hops[-proxies] else None

    def cut(self, error: Error | None) -> None:
        """Close the connection: with an answer if the client has begun a request and none is being answered."""
        if error is None or self.phase not in (Phase.HEADER, Phase.BODY):
            self.handle_close()
            return
        request = self.request or self.parser_class(self.adj)
        request.error, self.request = error, None
        task = self.error_task_class(self, request)
        task.service()
        request.close()
        self.lingers, self.close_when_flushed = False, True

    def readable(self) -> bool:
        """Whether to read on: a process that is to stop begins no request."""
        if self._lingering:
            return True
        return bool(super().readable()) and not (self.server.stopping and self.request is None)

    def handle_read(self) -> None:
        """Read what has arrived; what follows a refused request is read and dropped."""
        if not self._lingering:
            super().handle_read()
        elif not self.recv(self.adj.recv_bytes):
            self.handle_close()

    def handle_close(self) -> None:
        """Close the connection. After a refusal only our half: if bytes came in later, the answer would be lost."""
        if self.lingers and not self._lingering and not self.total_outbufs_len and self.connected:
            self._lingering, self.will_close = True, False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                return
        super().handle_close()

    def received(self, data: bytes) -> bool:
        """Take bytes in, and count them."""
        self.moved += len(data)
        return bool(super().received(data))

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the socket takes, and count it."""
        sent = int(super().send(data, do_close=do_close))
        self.moved += sent
        return sent

    def handle_error(self) -> None:
        """Close a connection that failed in a way nobody foresaw, with one line in the log instead of a traceback."""
        kind = sys.exc_info()[0]
        self.logger.warning("a connection failed: %s", kind.__name__ if kind else "unknown")
        self.handle_close()
