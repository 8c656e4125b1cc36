"""The sandbox store: requests a second on one core, beside a bare server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.measure import alternate, rate, seconds
from bench.report import Report
from bench.shop import Shop, shop

_REQUESTS = 3_000
_CONNECTIONS = 4
_CUSTOMERS = 1_000
_BATCH = 500

_FLOOR = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Bare(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        content = b"{" + b" " * (int(self.headers["X-Bytes"]) - 2) + b"}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Bare)
print(server.server_port, flush=True)
server.serve_forever()
"""


def run(report: Report) -> None:
    """Measure plain requests from four connections, then batches. The server has one core and the client another."""
    cores = sorted(os.sched_getaffinity(0))
    report.section(
        "Sandbox store, on one core",
        "Floor: the standard library's http.server with answers of the same size. Target: over 1,000 plain requests a second.",
    )
    with shop(customers=_CUSTOMERS, speed=1_000, core=cores[0]) as store, _bare(cores[0]) as floor:
        os.sched_setaffinity(0, set(cores[1:]) or set(cores))
        try:
            _plain(report, store, floor)
            _batches(report, store)
        finally:
            os.sched_setaffinity(0, set(cores))


def _plain(report: Report, store: Shop, floor: int) -> None:
    _call(store.port, "POST", f"/api/v3/{store.store_id}/discount_coupons", store.token, _coupon("BENCH-0"))
    for what, paths in (
        ("profile", ["/profile"]),
        ("one coupon by its code", ["/discount_coupons/BENCH-0"]),
        ("a page of 100 customers", ["/customers?limit=100"]),
        ("pages of 100 customers, all different", _pages()),
    ):
        targets = [f"/api/v3/{store.store_id}{path}" for path in paths]
        size = len(_call(store.port, "GET", targets[0], store.token))
        figures = alternate(
            ours=rate(partial(_many, store.port, targets, store.token), _REQUESTS),
            floor=rate(partial(_many, floor, ["/"], store.token, size), _REQUESTS),
        )
        report.row(
            what, figures["ours"], "requests/s", beside={"floor": figures["floor"]}, note=f"{size:,} bytes"
        )


def _pages() -> list[str]:
    return [f"/customers?limit=100&offset={offset}" for offset in range(_CUSTOMERS - 100)]


def _batches(report: Report, store: Shop) -> None:
    """Measure coupons made in batches of 500, beside one POST each."""
    numbers = iter(range(1, 10_000_000))

    def by_batch() -> None:
        inner = [
            {"method": "POST", "path": "/discount_coupons", "body": _coupon(f"BENCH-{next(numbers)}")}
            for _ in range(_BATCH)
        ]
        target = f"/api/v3/{store.store_id}/batch"
        answer = _call(store.port, "POST", f"{target}?allowParallelMode=true", store.token, inner)
        ticket = json.loads(answer)["ticket"]
        while (
            json.loads(_call(store.port, "GET", f"{target}?ticket={ticket}", store.token))["status"]
            != "COMPLETED"
        ):
            time.sleep(0.005)

    def one_by_one() -> None:
        target = f"/api/v3/{store.store_id}/discount_coupons"
        with _connected(store.port) as ask:
            for _ in range(_BATCH):
                ask("POST", target, store.token, _coupon(f"BENCH-{next(numbers)}"), 0)

    figures = alternate(ours=seconds(by_batch), peer=seconds(one_by_one))
    report.row(
        "coupons in a batch of 500, executed",
        _BATCH / figures["ours"],
        "coupons/s",
        beside={"a POST each": _BATCH / figures["peer"]},
        note="speed 1,000",
    )


def _coupon(code: str) -> dict[str, object]:
    return {"name": code, "code": code, "discountType": "PERCENT", "discount": 10}


# --- a client that costs almost nothing, so that the server is measured --------------------

Ask = Callable[[str, str, str, object, int], bytes]


@contextmanager
def _connected(port: int) -> Iterator[Ask]:
    with socket.create_connection(("127.0.0.1", port)) as wire, wire.makefile("rb") as reader:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask(method: str, target: str, token: str, body: object, size: int) -> bytes:
            content = b"" if body is None else json.dumps(body).encode()
            head = f"{method} {target} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\nX-Bytes: {size}\r\n"
            wire.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                + content
            )
            if b" 200 " not in reader.readline():
                raise RuntimeError(f"{method} {target} was refused")
            length = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            return reader.read(length)

        yield ask


def _call(port: int, method: str, target: str, token: str, body: object = None) -> bytes:
    with _connected(port) as ask:
        return ask(method, target, token, body, 0)


def _many(port: int, targets: Sequence[str], token: str, size: int = 0) -> None:
    def work(first: int) -> None:
        with _connected(port) as ask:
            for number in range(first, _REQUESTS, _CONNECTIONS):
                ask("GET", targets[number % len(targets)], token, None, size)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def _bare(core: int) -> Iterator[int]:
    """Run a server that only answers, and yield its port."""
    child = subprocess.Popen([sys.executable, "-c", _FLOOR], stdout=subprocess.PIPE, text=True)  # noqa: S603 - the text above
    try:
        os.sched_setaffinity(child.pid, {core})
        yield int(child.stdout.readline() if child.stdout else 0)
    finally:
        child.terminate()
        child.wait()
        if child.stdout:
            child.stdout.close()
