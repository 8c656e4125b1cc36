"""A change in the store reaches the mirror by webhook: through the store's delivery, our pages and the worker."""

from __future__ import annotations

import time
from pathlib import Path

import requests
import sqlalchemy as sa

from tests.journeys.pages import serving
from tests.store import buy, lay_faults
from tests.web.site import services_for
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ledger.tables import customers, events, orders
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.webhooks.act import handle_events
from tillroll.web.app import create_app
from tillroll.wiring import Services


def wait_for_events(services: Services, kinds: set[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with services.engine.connect() as connection:
            if kinds <= set(connection.scalars(sa.select(events.c.kind))):
                return
        time.sleep(0.05)
    raise AssertionError(f"not all of {kinds} came")


def test_changes_in_the_store_reach_the_mirror_by_webhook(
    worker: StoreWorker, services: Services, sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, client_secret=sandbox.ready.client_secret)
    app = create_app(services_for(services.engine, tmp_path, SystemClock(), settings), testing=True)
    with serving(app) as address:
        lay_faults(sandbox, seed=1, webhooks_repeated={"share": 0.5}, webhooks_reordered={"share": 0.5})
        control = sandbox.ready.base_url.removesuffix("/api/v3")
        registered = {"url": f"{address}/webhooks/ecwid"}
        requests.post(f"{control}/sandbox/webhooks", json=registered, timeout=60).raise_for_status()
        bought = buy(sandbox, email="customer5@example.com")
        client.customers.set_consent(6, False)
        wait_for_events(services, {"order.created", "customer.updated", "product.updated"})
    handle_events(MirrorSession.of(worker.session))
    with services.engine.connect() as connection:
        assert bought["orderId"] in set(connection.scalars(sa.select(orders.c.order_id)))
        consent = sa.select(customers.c.accepts_marketing).where(customers.c.customer_id == 6)
        assert connection.scalar(consent) is False
        ids = list(connection.scalars(sa.select(events.c.event_id)))
    assert len(ids) == len(set(ids))
