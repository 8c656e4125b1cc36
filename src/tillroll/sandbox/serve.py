"""Start and stop the sandbox: any number of stores behind one port."""

from __future__ import annotations

import errno
import json
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from tillroll.clock import Clock
from tillroll.sandbox.endpoints import batch
from tillroll.sandbox.http import oauth
from tillroll.sandbox.http.delivery import Sender
from tillroll.sandbox.http.executor import Executor
from tillroll.sandbox.http.listener import Listener
from tillroll.sandbox.http.server import SandboxServer, Site
from tillroll.sandbox.sample.shop import seed_shop
from tillroll.sandbox.state.access import Tokens
from tillroll.sandbox.state.database import STORE_ID, State
from tillroll.sandbox.state.faults import Faults
from tillroll.sandbox.state.limits import Addresses
from tillroll.sandbox.state.speed import clock_of
from tillroll.sandbox.state.store import SandboxStore
from tillroll.sandbox.state.switches import Switches
from tillroll.sandbox.state.webhooks import WebhookQueue


class PortInUse(Exception):
    """Another program listens on this port."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use")
        self.port = port


@dataclass(frozen=True, kw_only=True)
class StoreEntry:
    """The id and token of one store."""

    store_id: int
    token: str


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The address of the stores with their ids and tokens. `store_id` and `token` are the first store's."""

    base_url: str  # ends in /api/v3
    store_id: int
    token: str
    client_secret: str
    client_id: str = oauth.CLIENT_ID
    stores: tuple[StoreEntry, ...] = ()

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self))


class Sandbox:
    """Stores served from threads until it is closed; for tests and for `run`.

    The first store's files are in the directory itself, the others' in a directory each below it.
    """

    def __init__(  # noqa: PLR0913 - options, by name
        self,
        *,
        port: int,
        directory: Path,
        customers: int,
        seed: int,
        switches: Switches,
        clock: Clock,
        stores: int = 1,
        speed: float = 1.0,
        faults: Mapping[str, Any] | None = None,
    ) -> None:
        state = State(directory)
        running = clock_of(state, clock, speed)
        secret = state.secret("client_secret", "")
        self._sites: list[Site] = []
        try:
            for number in range(stores):
                store_id = STORE_ID + number
                own = state if number == 0 else State(directory / f"store-{store_id}")
                store = _open(own, running, speed, switches, secret, store_id, faults)
                seed_shop(store, customers=customers, seed=seed + number)
                self._sites.append(_staffed(store, speed))
            self._server = SandboxServer(self._sites)
            self._listener = Listener(port, self._server.answer)
        except OSError as fault:
            for site in self._sites:
                site.store.state.close()
            if fault.errno in {errno.EADDRINUSE, errno.EACCES}:
                raise PortInUse(port) from fault
            raise
        for site in self._sites:
            site.executor.start()
            if site.store.outbox.url:
                site.sender.start()
        self._listener.start()

    @property
    def store(self) -> SandboxStore:
        """Return the first store."""
        return self._sites[0].store

    @property
    def stores(self) -> list[SandboxStore]:
        """Return all stores."""
        return [site.store for site in self._sites]

    @property
    def ready(self) -> Ready:
        """Return its address with the stores' ids and tokens."""
        return Ready(
            base_url=f"http://127.0.0.1:{self._listener.port}/api/v3",
            store_id=self.store.store_id,
            token=self.store.token,
            client_secret=self.store.client_secret,
            stores=tuple(StoreEntry(store_id=store.store_id, token=store.token) for store in self.stores),
        )

    def close(self) -> None:
        """Stop serving. Everything that was confirmed is in the files."""
        self._server.stopping.set()
        self._listener.close()
        for site in self._sites:
            site.executor.stop()
            site.sender.stop()
            site.store.state.close()


def _open(
    state: State, clock: Clock, speed: float, switches: Switches, secret: str, store_id: int,
    faults: Mapping[str, Any] | None,
) -> SandboxStore:  # fmt: skip
    batch.prepare(state)
    oauth.prepare(state)
    own_faults = Faults(faults)
    number = store_id - STORE_ID
    return SandboxStore(
        state=state,
        clock=clock,
        switches=switches,
        client_secret=secret,
        tokens=Tokens(state, clock, speed),
        addresses=Addresses(clock, speed),
        faults=own_faults,
        outbox=WebhookQueue(state, clock, own_faults),
        store_id=store_id,
        url=f"https://sample-shop{f'-{number + 1}' if number else ''}.example",
    )


def _staffed(store: SandboxStore, speed: float) -> Site:
    sender = Sender(
        store.outbox,
        store_id=store.store_id,
        secret=store.client_secret,
        clock=store.clock,
        speed=speed,
        switches=lambda: store.switches,
    )
    return Site(store=store, executor=Executor(store, speed), sender=sender)


class Served(Protocol):
    """Something that is served until it is closed: stores, or a record."""

    @property
    def ready(self) -> Ready:
        """Return its address with the stores' ids and tokens."""

    def close(self) -> None:
        """Stop serving."""


def run(begin: Callable[[], Served], *, announce: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes any free port. Raises `PortInUse`."""
    sandbox = begin()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    announce(sandbox.ready)
    stop.wait()
    sandbox.close()
