"""Ten thousand webhooks, a third of them repeated, in any order, while the web process is killed twice: each counts once."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, local
from typing import Any

import pytest
import sqlalchemy as sa

from tests.crash.worker import installation
from tests.logs import new_log
from tests.shop import ROOT
from tests.store import running
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import customers, events
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.webhooks.act import handle_events
from tillroll.track.webhooks.intake import sign
from tillroll.wiring import Services

EVENTS, REPEATS = 7_700, 2_300
SECRET = "the app's client secret"
PATIENCE = 120.0


def deliveries(draw: random.Random) -> list[bytes]:
    """Return the bodies of webhooks: some events come twice, and in random order."""
    now = int(time.time())
    made = [
        json.dumps(
            {
                "eventId": str(uuid.UUID(int=draw.getrandbits(128))),
                "eventCreated": now - draw.randrange(3_600),
                "storeId": 1003,
                "entityId": draw.randrange(1, 160),
                "eventType": draw.choice(["customer.updated", "customer.created", "order.updated"]),
            }
        ).encode()
        for _ in range(EVENTS)
    ]
    made += draw.choices(made, k=REPEATS)
    draw.shuffle(made)
    return made


class Site:
    """The web process, which may be gone for a while."""

    def __init__(self, environment: dict[str, str], port: int) -> None:
        self._environment = {**environment, "PORT": str(port), "ECWID_CLIENT_SECRET": SECRET}
        self._environment["TILLROLL_LOG_LEVEL"] = "error"
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tillroll", "web"]
        with new_log() as log:
            self._process = subprocess.Popen(
                command, env=self._environment, cwd=ROOT, start_new_session=True, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, "the pages ended by themselves"
            time.sleep(0.05)
        raise AssertionError("the pages never came up")

    def kill(self) -> None:
        """Kill all of its processes, gunicorn's workers too."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Sender:
    """The store: sends a webhook until it is answered with 200, over one connection for each thread."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._own = local()
        self._lines: list[http.client.HTTPConnection] = []
        self.taken = 0
        self.half, self.most = Event(), Event()

    def send(self, content: bytes) -> None:
        event = json.loads(content)
        headers = {
            "Content-Type": "application/json",
            "X-Ecwid-Webhook-Signature": sign(SECRET, event["eventCreated"], event["eventId"]),
        }
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                line = self._line()
                line.request("POST", "/webhooks/ecwid", body=content, headers=headers)
                answer = line.getresponse()
                answer.read()
                if answer.status == 200:
                    self._count()
                    return
            except (OSError, http.client.HTTPException):
                self._own.line.close()
                self._own.line = None
                time.sleep(0.05)
        raise AssertionError("an event was never taken in")

    def close(self) -> None:
        for line in self._lines:
            line.close()

    def _line(self) -> http.client.HTTPConnection:
        if getattr(self._own, "line", None) is None:
            self._own.line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            self._lines.append(self._own.line)
        line: http.client.HTTPConnection = self._own.line
        return line

    def _count(self) -> None:
        self.taken += 1
        if self.taken > (EVENTS + REPEATS) // 3:
            self.half.set()
        if self.taken > (EVENTS + REPEATS) * 2 // 3:
            self.most.set()


@contextmanager
def site(environment: dict[str, str]) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Site(environment, port)
    made.start()
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.slow
def test_every_event_counts_once(database_url: str, tmp_path: Path) -> None:
    with (
        running(tmp_path / "store") as store,
        installation(store, database_url, tmp_path) as (parts, environment),
        site(environment) as pages,
    ):
        sender, made = Sender(pages.port), deliveries(random.Random(3))
        with ThreadPoolExecutor(6) as pool:
            under_way = [pool.submit(sender.send, content) for content in made]
            for moment in (sender.half, sender.most):
                assert moment.wait(PATIENCE)
                pages.kill()
                pages.start()
            for one in under_way:
                one.result(PATIENCE)
        sender.close()
        holds(parts, {json.loads(content)["eventId"] for content in made})


def holds(parts: Services, sent: set[str]) -> None:
    """Check that each event is in the ledger and handled once, and that the mirror equals the store."""
    with parts.engine.connect() as connection:
        kept: list[Any] = list(connection.scalars(sa.select(events.c.event_id)))
        row = load_store(connection, 1)
    assert len(kept) == len(sent)
    assert set(kept) == sent
    handled = 0
    with parts.client(row) as client:
        while done := handle_events(MirrorSession.of(parts.session(1, client))):
            handled += done
    assert handled == len(sent)
    with parts.engine.connect() as connection:
        left = sa.select(sa.func.count()).select_from(events).where(events.c.handled_at.is_(None))
        assert connection.scalar(left) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 160
