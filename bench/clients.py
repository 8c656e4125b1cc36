"""Clients of the web server, honest and slow ones, each kind in a process of its own."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from statistics import quantiles
from threading import Thread

HALF_HEADER = b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = (
    b"POST /webhooks/ecwid HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 20000\r\n\r\n{"
)
_EVERY = 1.0  # seconds between two bytes of a slow client


def answer_time(port: int, path: str, *, patience: float = 60.0) -> float:
    """Return the seconds that one request over a new connection took; infinity if it got no good answer."""
    began = time.perf_counter()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        return time.perf_counter() - began if answer.status == 200 else float("inf")
    except (OSError, http.client.HTTPException):
        return float("inf")
    finally:
        line.close()


def times(port: int, path: str, *, seconds: float, every: float = 0.1) -> list[float]:
    """Return the answer times of requests made one after the other for so long, with a pause between them."""
    found, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        found.append(answer_time(port, path))
        time.sleep(every)
    return sorted(found)


def high(found: list[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(found, n=100)[98] if len(found) > 1 else found[0]


def drip(port: int, stop: Event, ready: Event, *, headers: int, bodies: int) -> None:
    """Hold half requests open, a byte a second each; one that the server cuts is begun again."""
    starts = [HALF_HEADER] * headers + [HALF_BODY] * bodies
    lines: list[tuple[bytes, socket.socket | None]] = [(start, None) for start in starts]
    while not stop.is_set():
        lines = [(start, _dripped(port, start, line)) for start, line in lines]
        ready.set()
        stop.wait(_EVERY)


def _dripped(port: int, start: bytes, line: socket.socket | None) -> socket.socket | None:
    try:
        if line is None:
            line = socket.create_connection(("127.0.0.1", port), timeout=2)
            line.sendall(start)
            return line
        line.sendall(b"x")
        return line
    except OSError:
        if line is not None:
            line.close()
        return None


def ask(port: int, stop: Event, ready: Event, *, path: str, cookie: str, clients: int) -> None:
    """Ask for a page again and again, with several clients at once."""

    def again() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                line.request("GET", path, headers={"Cookie": cookie})
                line.getresponse().read()
                continue
            line.close()

    threads = [Thread(target=again) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.set()
    for thread in threads:
        thread.join()


@contextmanager
def beside(work: Callable[..., None], port: int, **options: object) -> Iterator[None]:
    """Let clients work in another process for the length of a block, which begins when they do."""
    context = multiprocessing.get_context("spawn")
    stop, ready = context.Event(), context.Event()
    child = context.Process(target=work, args=(port, stop, ready), kwargs=options, daemon=True)
    child.start()
    try:
        if not ready.wait(120):
            raise TimeoutError("the clients never began")
        yield
    finally:
        stop.set()
        child.join(10)
        child.kill()
        child.join()
