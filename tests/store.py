"""Fixtures of the sandbox store, served over real HTTP from a thread, and of the product's own client.

sandbox    a running store with a few customers and no limit worth noticing
client     a client of it
services   the parts of an installation that works for it, on each kind of database
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.logs import remember
from tests.shop import PUBLIC_URL, ROOT
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.pace import Pace
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.advance import StoreWorker
from tillroll.loop.worker import register_store
from tillroll.sandbox.serve import Sandbox
from tillroll.sandbox.state.switches import Switches
from tillroll.settings import Settings, StoreAccess
from tillroll.wiring import Services, build

CUSTOMERS = 160
QUICK = 1_000_000
INDEX_LAG = {"index_lag": 1.5, "index_lag_spread": 3.5}
"""Searches show what is new as late as in the real store, in seconds of the store's clock: for tests that move it."""
SANDBOX_HOSTS = AllowedHosts(private=True)


@contextmanager
def running(
    directory: Path,
    *,
    customers: int = CUSTOMERS,
    stores: int = 1,
    speed: float = 1.0,
    faults: Mapping[str, Any] | None = None,
    **switches: Any,
) -> Iterator[Sandbox]:
    """Run one or more stores in a folder until the end of the block, optionally with faults or a faster clock."""
    chosen = Switches(**{"requests_per_minute": QUICK, **switches})
    store = Sandbox(
        port=0,
        directory=directory,
        customers=customers,
        seed=7,
        switches=chosen,
        clock=SystemClock(),
        stores=stores,
        speed=speed,
        faults=faults,
    )
    try:
        yield store
    finally:
        remember(store, directory)
        store.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store") as store:
        yield store


@contextmanager
def client_of(store: Sandbox, **changed: Any) -> Iterator[Client]:
    """Return a client of a store; `token=` and `store_id=` may be wrong on purpose."""
    clock, ready = SystemClock(), store.ready
    values = {"base_url": ready.base_url, "store_id": ready.store_id, "token": ready.token, **changed}
    values.setdefault("hosts", SANDBOX_HOSTS)
    client = Client(**values, pace=Pace(clock, per_minute=QUICK), clock=clock)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with client_of(sandbox) as made:
        yield made


def turn(store: Sandbox, **switches: Any) -> None:
    """Set some switches of a running store, over HTTP."""
    address = store.ready.base_url.removesuffix("/api/v3")
    requests.post(f"{address}/sandbox/switches", json=switches, timeout=60).raise_for_status()


def lay_faults(store: Sandbox, **plan: Any) -> None:
    """Switch kinds of faults of a running store on, or off with False, over HTTP."""
    address = store.ready.base_url.removesuffix("/api/v3")
    requests.post(f"{address}/sandbox/faults", json=plan, timeout=60).raise_for_status()


def counted(store: Sandbox) -> dict[str, Any]:
    """Return the counters of a running store, which include early requests of the client."""
    address = store.ready.base_url.removesuffix("/api/v3")
    answer = requests.get(f"{address}/sandbox/counters", timeout=60)
    answer.raise_for_status()
    counters: dict[str, Any] = answer.json()
    return counters


def buy(store: Sandbox, *, email: str, sku: str = "POT-01", coupon: str = "") -> dict[str, Any]:
    """Buy a product at the store's checkout."""
    address = store.ready.base_url.removesuffix("/api/v3")
    basket = {"email": email, "items": [{"sku": sku, "quantity": 1}], "coupon": coupon}
    answer = requests.post(f"{address}/sandbox/checkout", json=basket, timeout=60)
    answer.raise_for_status()
    bought: dict[str, Any] = answer.json()
    return bought


@contextmanager
def working_for(
    sandbox: Sandbox, *, database_url: str, home: Path, folder: Path, **more: Any
) -> Iterator[StoreWorker]:
    """Start an installation that works for a store, as a new process would, and yield its worker. `more` are settings."""
    ready = sandbox.ready
    settings = Settings(
        home=home,
        database_url=database_url,
        folder=folder,
        store=StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url),
        requests_per_minute=QUICK,
        public_url=PUBLIC_URL,
        **more,
    )
    with build(settings) as parts:
        register_store(parts)
        with reading(parts.engine) as connection:
            store = load_store(connection, 1)
        with closing(StoreWorker(services=parts, store_id=1, client=parts.open_client(store))) as worker:
            yield worker


@pytest.fixture
def services(sandbox: Sandbox, database_url: str, tmp_path: Path) -> Iterator[Services]:
    ready = sandbox.ready
    settings = Settings(
        home=tmp_path,
        database_url=database_url,
        folder=ROOT,
        store=StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url),
        requests_per_minute=QUICK,
        public_url=PUBLIC_URL,
    )
    with build(settings) as parts:
        register_store(parts)
        yield parts


@pytest.fixture
def worker(services: Services) -> Iterator[StoreWorker]:
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    with services.client(store) as made:
        store_worker = StoreWorker(services=services, store_id=1, client=made)
        yield store_worker
        store_worker.close()
