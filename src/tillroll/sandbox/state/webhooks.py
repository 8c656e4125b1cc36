"""Webhooks: queued with the change they report, until they are accepted (dossier section 5).

An event is a row of the state file, written in the transaction of its change and deleted once it is accepted. So a
sandbox that is killed delivers the rest after a restart, some events perhaps twice: at least once.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tillroll.clock import Clock
from tillroll.sandbox.state.database import State, dump
from tillroll.sandbox.state.faults import Faults

SCOPES = {
    "order": "read_orders",
    "unfinished_order": "read_orders",
    "product": "read_catalog",
    "category": "read_catalog",
    "product_class": "read_catalog",
    "customer": "read_customers",
    "customer_group": "read_customers",
    "discount_coupon": "read_discount_coupons",
    "promotion": "read_promotion",
    "review": "read_reviews",
    "invoice": "read_invoices",
    "profile": "read_store_profile",
    "application": "read_store_profile",
}
"""The scope an app needs for an area's events."""

_CHANGES = ("created", "updated", "deleted")
EVENTS = frozenset(
    f"{area}.{change}"
    for area, changes in {
        **dict.fromkeys(SCOPES, _CHANGES),
        "invoice": ("created", "deleted"),
        "customer": (*_CHANGES, "personalDataRemovalRequest", "personalDataExportRequest"),
        "profile": (
            "updated", "subscriptionStatusChanged", "personalDataRemovalRequest", "personalDataExportRequest",
        ),
        "application": ("installed", "uninstalled", "subscriptionStatusChanged", "storageChanged"),
    }.items()
    for change in changes
)  # fmt: skip
"""Every event kind."""

_RETRIES = [15 * 60.0, 30 * 60.0, 45 * 60.0, *(hour * 3600.0 for hour in range(1, 25))]
"""Seconds after the first failure. A missed try is not made up for."""
_DEAD_AFTER = 14 * 86_400.0
"""After so many seconds of nothing but failures the app's webhooks are blocked."""

_HEADER_NAME, _HEADER_VALUE = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", r"[\x20-\x7e]*"

_TABLE = """create table if not exists webhooks (
    number integer primary key autoincrement, event_id text not null, created integer not null,
    type text not null, entity text not null, data text, tries integer not null, first_failed real,
    not_before real not null);
"""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where an app receives its events, which ones, and with which headers besides the store's own."""

    url: str
    events: list[str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class WebhookQueue:
    """The queue of one store's events and the address that receives them."""

    def __init__(self, state: State, clock: Clock, faults: Faults) -> None:
        self._state, self._clock, self._faults = state, clock, faults
        state.run(_TABLE)
        state.run("create index if not exists webhooks_due on webhooks (not_before, number)")
        kept = json.loads(state.fact("webhooks") or "{}")
        self.url: str = kept.get("url", "")
        self.events: frozenset[str] | None = frozenset(kept["events"]) if kept.get("events") else None
        self.headers: dict[str, str] = kept.get("headers", {})
        self.wake = threading.Event()

    def register(self, registration: Registration) -> None:
        """Send to this address from now on. An empty one ends it and drops what waits."""
        self.url, self.headers = registration.url, dict(registration.headers)
        self.events = frozenset(registration.events) if registration.events else None
        self._state.keep_fact("webhooks", dump(asdict(registration)))
        for name in ("blocked", "failing_since"):
            self._state.keep_fact(f"webhooks:{name}", "")
        if not registration.url:
            self._state.run("delete from webhooks")

    def queue(self, event: str, entity: int | str, data: Mapping[str, str] | None, skewed: float) -> None:
        """Queue an event, in the transaction of its change. Without a registration nothing is queued."""
        if not self.url or (self.events is not None and event not in self.events):
            return
        if self._state.fact("webhooks:blocked"):
            return
        if self._faults.strike("webhooks_dropped"):
            self._count("dropped")
            return
        due = self._clock.now().timestamp()
        late, held = self._faults.strike("webhooks_delayed"), self._faults.strike("webhooks_reordered")
        if late:
            due += late["seconds"]
        if held:
            due += held["seconds"] * (0.1 + 0.9 * self._faults.draw("webhooks_reordered").random())
        entity = str(entity) if event.startswith("application.") else entity
        row = (str(uuid.uuid4()), int(skewed), event, dump(entity), dump(data) if data else None, due)
        for _ in range(2 if self._faults.strike("webhooks_repeated") else 1):
            self._state.run(
                "insert into webhooks (event_id, created, type, entity, data, tries, not_before)"
                " values (?, ?, ?, ?, ?, 0, ?)",
                row,
            )
        self.wake.set()

    def next(self) -> sqlite3.Row | None:
        """Return the event that is due first, even if it is not due yet."""
        return self._state.row("select * from webhooks order by not_before, number limit 1")

    def taken(self, row: sqlite3.Row) -> None:
        """Delete an event that was accepted."""
        with self._state.transaction() as state:
            state.run("delete from webhooks where number = ?", (row["number"],))
            state.keep_fact("webhooks:failing_since", "")
            self._count("delivered")

    def refused(self, row: sqlite3.Row) -> None:
        """Schedule another try of an event that was not accepted, or drop it. Two weeks of failures block the app."""
        now = self._clock.now().timestamp()
        first = row["first_failed"] if row["first_failed"] is not None else now
        with self._state.transaction() as state:
            self._count("failed")
            since = state.fact("webhooks:failing_since")
            if not since:
                state.keep_fact("webhooks:failing_since", repr(now))
            elif now - float(since) > _DEAD_AFTER:
                state.keep_fact("webhooks:blocked", "yes")
                state.run("delete from webhooks")
                return
            later = [first + seconds for seconds in _RETRIES if first + seconds > now]
            if not later:
                state.run("delete from webhooks where number = ?", (row["number"],))
                self._count("given_up")
                return
            state.run(
                "update webhooks set tries = ?, first_failed = ?, not_before = ? where number = ?",
                (row["tries"] + 1, first, later[0], row["number"]),
            )

    def show(self) -> dict[str, Any]:
        """Return the answer to `GET /sandbox/webhooks`. `failed` counts tries, `given_up` events."""
        counts = {
            name: int(self._state.fact(f"webhooks:{name}") or 0)
            for name in ("delivered", "failed", "given_up", "dropped")
        }
        queued = self._state.value("select count(*) from webhooks")
        events = sorted(self.events) if self.events is not None else None
        blocked = bool(self._state.fact("webhooks:blocked"))
        return {
            "url": self.url or None,
            "events": events,
            "headers": self.headers,
            "queued": queued,
            "blocked": blocked,
            **counts,
        }

    def _count(self, name: str) -> None:
        self._state.keep_fact(f"webhooks:{name}", str(int(self._state.fact(f"webhooks:{name}") or 0) + 1))


def check_registration(body: Any) -> Registration:
    """Return the registration that `POST /sandbox/webhooks` asks for. Raises `ValueError` saying what is wrong."""
    url, events, headers = body.get("url"), body.get("events"), body.get("headers") or {}
    if not isinstance(url, str) or (url and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", url)):
        raise ValueError("url is the address of the app's endpoint, or an empty text to end it")
    if events is not None:
        if not isinstance(events, list) or not all(isinstance(text, str) for text in events):
            raise ValueError("events is a list of event types; without it all are sent")
        for event in events:
            if event not in EVENTS:
                raise ValueError(f"there is no event {event!r}")
    if not isinstance(headers, dict):
        raise ValueError("headers is an object of names and values, sent with every event")
    for name, value in headers.items():
        if not re.fullmatch(_HEADER_NAME, name) or not re.fullmatch(_HEADER_VALUE, str(value)):
            raise ValueError(f"a header can't be {name!r}: {value!r}")
    return Registration(url=url, events=events, headers={name: str(text) for name, text in headers.items()})
