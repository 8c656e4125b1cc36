"""A server on loopback that answers every request with the bytes a test gives it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext

from tests.store import QUICK, SANDBOX_HOSTS
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.pace import Pace


@dataclass(kw_only=True)
class RawStore:
    """What the server answers, and what it was asked."""

    port: int
    answer: bytes = b""
    again: bytes = b""  # sent over and over after the answer, until the client hangs up
    asked: list[str] = field(default_factory=list)  # the first lines of the requests

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v3"

    def says(self, status: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> None:
        """Answer every request like this from now on."""
        given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.answer = f"HTTP/1.1 {status}\r\n{lines}Connection: close\r\n\r\n".encode("latin-1") + body


@contextmanager
def raw_store(tls: SSLContext | None = None) -> Iterator[RawStore]:
    """Run the server for the length of a block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        store = RawStore(port=listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, store, tls))
        thread.start()
        try:
            yield store
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, store: RawStore, tls: SSLContext | None) -> None:
    while True:
        try:
            taken, _ = listener.accept()
        except OSError:  # the block has ended
            return
        with suppress(OSError), taken if tls is None else tls.wrap_socket(taken, server_side=True) as ready:
            _answer(ready, store)


def _answer(taken: socket.socket, store: RawStore) -> None:
    with taken.makefile("rb") as request:
        store.asked.append(request.readline().decode(errors="replace").strip())
        length = 0
        while (line := request.readline().strip()) != b"":
            name, _, value = line.partition(b": ")
            length = int(value) if name.lower() == b"content-length" else length
        request.read(length)
        taken.sendall(store.answer)
        while store.again:
            taken.sendall(store.again)
        taken.shutdown(socket.SHUT_RDWR)


@contextmanager
def client_at(address: str, hosts: AllowedHosts = SANDBOX_HOSTS) -> Iterator[Client]:
    """Return a client of the store at an address."""
    clock = SystemClock()
    pace = Pace(clock, per_minute=QUICK)
    client = Client(base_url=address, store_id=1003, token="secret_x", hosts=hosts, pace=pace, clock=clock)
    try:
        yield client
    finally:
        client.close()
