"""A shop with customers who come and buy, while the days go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from tests.clocks import Days
from tests.flows.events import all_runs
from tests.journeys.path import agree, outbox
from tillroll.campaign.states import RunState
from tillroll.ecwid.client import Client
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.worker import SLICE
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NINA = "nina@example.org"


@dataclass(kw_only=True)
class Shop:
    """A store, an installation that works for it, and what people do."""

    worker: StoreWorker
    sandbox: Sandbox
    days: Days

    @property
    def services(self) -> Services:
        return self.worker.services

    @property
    def client(self) -> Client:
        return self.worker.client

    def later(self, length: timedelta) -> None:
        """Let time pass, two seconds more than `length` (the store's times are whole seconds), and do what has become due."""
        self.days.tick(length + 2 * SECOND)
        quiet, clock = 0, self.services.clock
        while quiet < 3:
            next_at = advance(self.worker, until=clock.now() + SLICE)
            wait = (next_at or clock.now() + DAY) - clock.now()
            quiet = quiet + 1 if wait > MINUTE else 0
            if not quiet and wait > timedelta(0):  # the store's batches take their time
                clock.sleep(min(0.2, wait.total_seconds()))

    def comes(self, email: str, name: str, *, agrees: bool = True) -> int:
        """Make somebody a customer. Returns their number."""
        body = {"email": email, "acceptMarketing": agrees, "billingPerson": {"name": name}}
        return int(self.client.connection.write("POST", "/customers", body=body)["id"])

    def does(self, deed: str, **body: Any) -> dict[str, Any]:
        """Do what a buyer does at the storefront."""
        address = self.sandbox.ready.base_url.removesuffix("/api/v3")
        answer = requests.post(f"{address}/sandbox/{deed}", json=body, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    def buys(
        self, email: str, sku: str, quantity: int = 1, coupon: str = "", home: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Place an order; `home`: the name and address of who gets it."""
        items = [{"sku": sku, "quantity": quantity}]
        return self.does("checkout", email=email, items=items, coupon=coupon, shippingPerson=home)

    def has(self, sku: str, quantity: int) -> None:
        """Set how many pieces of a product are in stock."""
        product = self.client.connection.read("/products", {"sku": sku})["items"][0]
        self.client.connection.write("PUT", f"/products/{product['id']}", body={"quantity": quantity})

    def agrees_to_what_waits(self) -> None:
        """Approve every plan that waits for an approver."""
        waiting = [run.id for run in all_runs(self.services.engine) if run.state == RunState.WAITING]
        assert waiting, [(run.state, run.reason) for run in all_runs(self.services.engine)]
        for run_id in waiting:
            agree(self.services, run_id)

    def mails(self, to: str = NINA) -> list[dict[str, Any]]:
        return [line for line in outbox(self.services) if line["to"] == to]
