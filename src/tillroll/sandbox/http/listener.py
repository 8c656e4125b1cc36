"""An HTTP/1.1 server on loopback with one thread for each connection.

The standard library's `http.server` parses headers like an e-mail, which would be most of the cost of a
small answer. This one reads only what an API client sends.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedReader

_LONGEST_LINE = 64 * 1024
_MOST_HEADERS = 100
_MOST_BYTES = 16 * 1024 * 1024
_IDLE_SECONDS = 120.0
_WORTH_PACKING = 1024
"""Smaller bodies (in bytes) are not compressed: gzip would cost more than it saves."""

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes
    address: str


@dataclass(kw_only=True, slots=True)
class HttpResponse:
    """One answer. `fate` is `sent`, `lost` (closed without an answer) or `reset` (connection reset)."""

    status: int = 200
    content: bytes = b""
    kind: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    fate: str = "sent"


class _Unreadable(Exception):
    """The bytes received are not a valid request; the status says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Listener:
    """A server that accepts connections until it is closed."""

    def __init__(self, port: int, handle: Callable[[Request], HttpResponse]) -> None:
        self._handle = handle
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen(128)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="sandbox", daemon=True)

    def start(self) -> None:
        """Start to accept connections."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more connections, answer the requests received, then close."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)
        self._socket.close()
        with self._lock:
            left = dict(self._open)
            for connection in left:  # under the lock, so that no thread closes its connection meanwhile
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
        for thread in left.values():
            thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, address = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(
                target=self._serve, args=(connection, address[0]), name="connection", daemon=True
            )
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket, address: str) -> None:
        try:
            connection.settimeout(_IDLE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as reader:
                while not self._closing and self._one(connection, reader, address):
                    pass
        except OSError:
            pass  # the client has gone or was silent for too long
        finally:
            with self._lock:
                del self._open[connection]
                connection.close()

    def _one(self, connection: socket.socket, reader: BufferedReader, address: str) -> bool:
        """Answer one request; return whether the connection stays open."""
        try:
            request, stays = _read(connection, reader, address)
        except _Unreadable as fault:
            connection.sendall(_bytes_of(HttpResponse(status=fault.status), "GET", packed=False, stays=False))
            return False
        if request is None:
            return False
        answer = self._handle(request)
        if answer.fate == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer.fate != "sent":
            return False
        packed = "gzip" in request.headers.get("accept-encoding", "")
        connection.sendall(_bytes_of(answer, request.method, packed=packed, stays=stays))
        return stays


def _read(connection: socket.socket, reader: BufferedReader, address: str) -> tuple[Request | None, bool]:
    """Return (the next request, whether the connection stays open), or None at the end of the connection."""
    line = reader.readline(_LONGEST_LINE)
    while line == b"\r\n":  # RFC 9112, 2.2: an empty line before a request is ignored
        line = reader.readline(_LONGEST_LINE)
    if not line:
        return None, False
    parts = line.decode("latin-1").split()
    if not line.endswith(b"\n") or len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise _Unreadable(400)
    method, target, version = parts
    if method not in _METHODS:
        raise _Unreadable(501)
    headers = _headers(reader)
    wishes = headers.get("connection", "").lower()
    stays = "close" not in wishes and (version != "HTTP/1.0" or "keep-alive" in wishes)
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    content = _content(reader, headers)
    if target.startswith(("http://", "https://")):  # the form that proxies receive
        target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
    path, _, query = target.partition("?")
    request = Request(
        method=method, path=path, query=query, headers=headers, content=content, address=address
    )
    return request, stays


def _headers(reader: BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = reader.readline(_LONGEST_LINE)
        if line in (b"\r\n", b"\n"):
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not line.endswith(b"\n") or name != name.strip():
            raise _Unreadable(400)
        headers[name.lower()] = value.strip()
    raise _Unreadable(431)


def _content(reader: BufferedReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunks(reader)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise _Unreadable(400)
    if int(length) > _MOST_BYTES:
        raise _Unreadable(413)
    return _exactly(reader, int(length))


def _chunks(reader: BufferedReader) -> bytes:
    """Read a chunked body."""
    whole = bytearray()
    while True:
        try:
            size = int(reader.readline(_LONGEST_LINE).partition(b";")[0], 16)
        except ValueError as fault:
            raise _Unreadable(400) from fault
        if size < 0 or len(whole) + size > _MOST_BYTES:
            raise _Unreadable(413)
        if size == 0:
            _headers(reader)  # trailers, which are not used
            return bytes(whole)
        whole += _exactly(reader, size)
        reader.readline(_LONGEST_LINE)


def _exactly(reader: BufferedReader, size: int) -> bytes:
    if not size:
        return b""
    content = reader.read(size)
    if len(content) < size:
        raise ConnectionError("the client hung up in the middle of a body")
    return content


def _bytes_of(answer: HttpResponse, method: str, *, packed: bool, stays: bool) -> bytes:
    content = answer.content
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}", f"Content-Type: {answer.kind}"]
    if packed and len(content) >= _WORTH_PACKING:
        content = gzip.compress(content, compresslevel=1, mtime=0)
        lines.append("Content-Encoding: gzip")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(f"Content-Length: {len(content)}")
    if not stays:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return head if method == "HEAD" else head + content
