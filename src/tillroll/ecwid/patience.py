"""An HTTP answer gets so many seconds altogether: a store that answers a byte at a time is given up like one that never answers.

The timeouts of `requests` are between two bytes. Here the time that a request allows for reading is the time for its whole
answer, from its first byte to its last; each wait for a byte gets what is left of it.
"""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tillroll.clock import SystemClock

_CLOCK = SystemClock()


class _Arriving(io.RawIOBase):
    """What arrives on a socket, until the time for it is over; then every read is a `TimeoutError`."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._ends = _CLOCK.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - _CLOCK.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer whose every byte is read in the time that its socket allows for one."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_Arriving(sock, seconds))


class _Plain(HTTPConnection):
    response_class = _Answer


class _Secure(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class Patient(HTTPAdapter):
    """Sends requests whose timeout for reading is for the whole answer."""

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
