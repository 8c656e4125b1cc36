"""With as many hanging stores as threads, the other stores go on, SIGTERM ends the worker, and nothing is lost."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.shop import Shop, shop
from tests.crash.worker import finish, holds, start_worker, states, worker_log
from tests.forks import Child
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import lanes
from tillroll.track.connect import connect
from tillroll.wiring import Services

THREADS = 2
PATIENCE = 60.0  # seconds; the stores hang for longer than that


class Hanging:
    """A server that accepts calls and never answers, or answers a byte at a time without an end."""

    def __init__(self, *, drips: bool) -> None:
        self.open = 0  # calls that wait for an answer
        self._drips = drips
        self._gone = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v3"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._hang, args=[taken], daemon=True).start()

    def _hang(self, taken: socket.socket) -> None:
        self.open += 1
        taken.settimeout(0.5)
        with taken:
            while not self._gone.is_set():
                try:
                    if not taken.recv(65_536):
                        break  # given up
                except TimeoutError:
                    if self._drips:
                        taken.sendall(b"H")
                except OSError:
                    break
        self.open -= 1

    def close(self) -> None:
        self._gone.set()
        self._listener.close()


@contextmanager
def hanging(parts: Services) -> Iterator[list[Hanging]]:
    """Connect as many hanging stores as a worker has threads."""
    made = [Hanging(drips=bool(number % 2)) for number in range(THREADS)]
    for number, store in enumerate(made):
        connect(
            parts.engine,
            ecwid_id=2001 + number,
            base_url=store.address,
            sealed_token=parts.sealer.seal("secret_hangs"),
            changed=True,
            now=parts.clock.now(),
        )
    try:
        yield made
    finally:
        for store in made:
            store.close()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["embedded", pytest.param("distributed", marks=pytest.mark.postgres)])
def test_hanging_stores_take_no_thread_from_the_others_and_do_not_delay_sigterm(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    url = request.getfixturevalue("postgresql_url" if engine == "distributed" else "sqlite_url")
    with shop(tmp_path, url, engine=engine, batch_pause=0.05) as made, hanging(made.parts) as stores:
        made.environment["TILLROLL_THREADS"] = str(THREADS)
        first = start_worker(made.environment)
        until(made, first, lambda: all(store.open for store in stores), "both hang")
        made.begin("many")
        until(made, first, lambda: states(made.parts) == {RunState.TRACKING}, "it goes on")
        assert slow(made.parts) == {1: False, 2: True, 3: True}

        until(made, first, lambda: any(store.open for store in stores), "one hangs again")
        made.begin("many")
        until(made, first, lambda: RunState.MINTING in states(made.parts), "another begins")
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=60) == 0
        for store in stores:
            store.close()
        assert finish(made.parts, made.environment) == 0
        holds(made.parts, made.store)


def until(shop: Shop, worker: Child, met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        log = worker_log(shop.environment).read_text()
        assert worker.poll() is None, f"the worker ended by itself: {log}"
        assert time.monotonic() < deadline, f"{what}: {log}"
        time.sleep(0.02)


def slow(parts: Services) -> dict[int, bool]:
    """Return which stores have their turns in the slow pool."""
    with reading(parts.engine) as connection:
        return {row.store_id: row.slow for row in connection.execute(lanes.select())}
