"""A sandbox store for the tests: in a thread with a clock that tests set, or as a process that may be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.clocks import FakeClock
from tests.logs import new_log
from tillroll.sandbox import Switches
from tillroll.sandbox.http.listener import HttpResponse, Listener, Request
from tillroll.sandbox.serve import Sandbox

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


@dataclass
class Api:
    """A client of a running store."""

    base_url: str
    store_id: int
    token: str
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    session: requests.Session = field(default_factory=requests.Session)
    opened: Sandbox | None = None

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        url = f"{self.base_url}/{self.store_id}{path}"
        return self.session.request(method, url, headers=headers, timeout=60, **options)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def root(self) -> str:
        return self.base_url.removesuffix("/api/v3")

    def admin(self, path: str, body: Any = None) -> requests.Response:
        address = f"{self.root}/sandbox/stores/{self.store_id}/{path}"
        if body is None:
            return self.session.get(address, timeout=60)
        return self.session.post(address, json=body, timeout=60)

    def counters(self) -> dict[str, Any]:
        counters: dict[str, Any] = self.admin("counters").json()
        return counters

    def lay(self, **plan: Any) -> None:
        answer = self.admin("faults", plan)
        assert answer.status_code == 200, answer.text

    def turn(self, **switches: Any) -> None:
        assert self.admin("switches", switches).status_code == 200

    def coupon(self, code_: str, /, **fields: Any) -> requests.Response:
        body = {"name": code_, "code": code_, "discountType": "PERCENT", "discount": 10, **fields}
        return self.call("POST", "/discount_coupons", json=body)

    def batch(self, requests_: list[dict[str, Any]], **query: str) -> str:
        answer = self.call("POST", "/batch", params=query, json=requests_)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ticket"])

    def finished(self, ticket: str) -> dict[str, Any]:
        """Wait for the batch to complete and return its status."""
        return self.until(ticket, lambda status: status["status"] == "COMPLETED")

    def until(self, ticket: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            status: dict[str, Any] = self.get("/batch", ticket=ticket, escapedJson="true")
            if wanted(status):
                return status
            time.sleep(0.01)
        raise AssertionError(
            f"the batch did not get there: {status['status']}, {status['completedRequests']} done"
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Open a small store in this process: `store(plan="free")`; `with_` are other options of the sandbox."""
    opened: list[tuple[Sandbox, Api]] = []

    def open_(*, customers: int = 0, with_: dict[str, Any] | None = None, **switches: Any) -> Api:
        clock = FakeClock(NOON)
        options = {
            "port": 0,
            "directory": tmp_path / f"store{len(opened)}",
            "customers": customers,
            "seed": 7,
            "switches": Switches(**switches),
            "clock": clock,
            **(with_ or {}),
        }
        sandbox = Sandbox(**options)
        ready = sandbox.ready
        api = Api(
            base_url=ready.base_url, store_id=ready.store_id, token=ready.token, clock=clock, opened=sandbox
        )
        opened.append((sandbox, api))
        return api

    yield open_
    for sandbox, api in opened:
        api.session.close()
        sandbox.close()


@pytest.fixture
def api(store: Callable[..., Api]) -> Api:
    """A store with only its catalog and its manually created coupons."""
    return store()


@pytest.fixture(scope="session")
def seeded_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A shop with customers and their orders; tests must only read it."""
    clock = FakeClock(NOON)
    sandbox = Sandbox(
        port=0,
        directory=tmp_path_factory.mktemp("shop"),
        customers=1500,
        seed=7,
        switches=Switches(requests_per_minute=1_000_000),
        clock=clock,
    )
    ready = sandbox.ready
    api = Api(base_url=ready.base_url, store_id=ready.store_id, token=ready.token, clock=clock)
    yield api
    api.session.close()
    sandbox.close()


_AT_ONCE = ("--index-lag", "0", "0")  # searches show what was just written


class Process:
    """A store that runs as a process of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> Api:
        """Start or restart the store; return a client once it is ready."""
        command = [sys.executable, "-m", "tillroll.sandbox", "--json", "--customers", "20", "--dir"]
        with new_log() as log:
            self._child = subprocess.Popen(
                [*command, str(self._directory), "--requests-per-minute", "100000", *_AT_ONCE, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._child.stdout is not None
        ready = json.loads(self._child.stdout.readline())
        return Api(base_url=ready["base_url"], store_id=ready["store_id"], token=ready["token"])

    def end(self, how: signal.Signals) -> int:
        """Send the signal, wait for the end, and return the exit code."""
        assert self._child is not None
        assert self._child.stdout is not None
        if self._child.poll() is None:
            os.kill(self._child.pid, how)
        self._child.stdout.close()
        return self._child.wait(timeout=60)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    child = Process(tmp_path / "store")
    yield child
    child.end(signal.SIGKILL)


class Receiver:
    """An app's endpoint for webhooks; it answers as `answers` says, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answers: list[int] = []
        self._listener = Listener(0, self._take)
        self.url = f"http://127.0.0.1:{self._listener.port}/hooks?app=1"
        self._listener.start()

    def _take(self, request: Request) -> HttpResponse:
        status = self.answers.pop(0) if self.answers else 200
        self.got.append((request.query, dict(request.headers), json.loads(request.content)))
        return HttpResponse(status=status)

    def events(self) -> list[str]:
        return [body["eventType"] for _, _, body in self.got]

    def wait(self, count: int) -> list[dict[str, Any]]:
        """Wait for this many events and return their bodies."""
        eventually(
            lambda: len(self.got) >= count, lambda: f"{len(self.got)} of {count} came: {self.events()}"
        )
        return [body for _, _, body in self.got]

    def close(self) -> None:
        self._listener.close()


def eventually(happens: Callable[[], bool], explain: Callable[[], str] = lambda: "it never happened") -> None:
    """Wait until another thread or process has done something; not meant for waiting for a scheduled time."""
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end, explain()
        time.sleep(0.005)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()
