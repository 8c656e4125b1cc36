"""Connections whose answers are bounded in time and in bytes, so that no store can hold a thread or fill the memory.

The read time-out of `urllib3` applies between two bytes. Here it applies to the whole answer: each wait for a byte gets what is
left of it. Headers, body and the framing between them count as bytes.
"""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from tillroll.clock import SystemClock
from tillroll.ecwid.http.dialling import Resolver, dial
from tillroll.ecwid.http.hosts import Destination

MOST_BYTES = 16 * 1024 * 1024
"""Of an answer. The largest honest ones, pages of a hundred products, have a few."""
_HEAD_BYTES = 64 * 1024
_BUFFER = 8 * 1024

_CLOCK = SystemClock()


class TooLarge(OSError):
    """An answer has more bytes than any honest one."""


class _BoundedReader(io.RawIOBase):
    """The bytes that arrive on a socket. Raises `TimeoutError` after the deadline, and `TooLarge` after the last byte allowed."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._ends = _CLOCK.monotonic() + seconds
        self.allowed = _HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - _CLOCK.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        if self.allowed <= 0:
            raise TooLarge("the answer is too large")
        self._sock.settimeout(left)
        taken = self._bytes.readinto(buffer)
        self.allowed -= taken or 0
        return taken

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer that must arrive in full within the read time-out of its socket."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp.close()
        self._reader = _BoundedReader(sock, sock.gettimeout() or 0.0)
        self.fp = io.BufferedReader(self._reader, _BUFFER)

    def begin(self) -> None:
        super().begin()
        self._reader.allowed = MOST_BYTES


class _Plain(HTTPConnection):
    """A connection to checked addresses of one host."""

    response_class = _Answer

    def __init__(self, *given: Any, to: Destination, resolver: Resolver, **named: Any) -> None:
        super().__init__(*given, **named)
        self._to, self._resolver = to, resolver

    def _new_conn(self) -> socket.socket:
        try:
            return dial(self._to, seconds=float(self.timeout or 0), resolver=self._resolver)
        except TimeoutError as fault:
            raise ConnectTimeoutError(self, str(fault)) from fault
        except OSError as fault:
            raise NewConnectionError(self, str(fault)) from fault

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(self.timeout)  # the look-up and the connection have used some of it


class _Secure(_Plain, HTTPSConnection):
    """The same with TLS; its handshake is part of the time to connect."""

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as fault:
            raise ConnectTimeoutError(self, "the TLS handshake took too long") from fault
        except OSError as fault:  # a certificate that is not the host's, among others
            raise NewConnectionError(self, str(fault)) from fault


class PlainPool(HTTPConnectionPool):
    """Connections without encryption, for a sandbox store."""

    ConnectionCls = _Plain


class SecurePool(HTTPSConnectionPool):
    """Connections with TLS."""

    ConnectionCls = _Secure
