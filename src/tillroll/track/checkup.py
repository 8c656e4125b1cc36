"""Checking a store (`tillroll store check`): access, scopes, calls left before the rate limit, and whether webhooks arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.http.oauth import NEEDED
from tillroll.errors import ScopeMissing
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.ledger.tables import events

_PROBES: dict[str, Callable[[Client], Any]] = {
    "read_customers": lambda client: client.customers.count(),
    "read_orders": lambda client: client.orders.count(),
    "read_discount_coupons": lambda client: client.coupons.find("TILLROLL-PROBE"),
    "read_catalog": lambda client: client.products.count(),
}
"""A harmless call for each scope that can be tried without changing anything."""


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """The state of a store's connection."""

    name: str
    currency: str
    timezone: str  # that its times go by
    suspended: bool
    has_coupons: bool  # a feature of the store's Ecwid plan
    scopes: tuple[str, ...]  # that the token has
    missing: tuple[str, ...]  # that campaigns need and the token lacks
    unknown: tuple[
        str, ...
    ]  # that campaigns need; only the first change will tell whether the token has them
    skew: timedelta  # how far the store's clock is ahead of ours
    calls_left: float  # before the token's rate limit, now
    webhook_at: datetime | None  # when the last webhook arrived
    events_waiting: int  # webhooks that were not acted on yet


def check_store(engine: Engine, client: Client, *, store: Store) -> Checkup:
    """Check a store with a few calls. Raises what the client raises when the store doesn't answer at all."""
    profile = client.shop.profile()
    had, lacking = _try_scopes(client, frozenset(store.scopes.split()))
    with reading(engine) as connection:
        where = (events.c.store_id == store.id, events.c.handled_at.is_(None))
        waiting = sa.select(sa.func.count()).select_from(events).where(*where)
        events_waiting = int(connection.scalar(waiting) or 0)
    return Checkup(
        name=profile.name,
        currency=profile.currency,
        timezone=store.chosen_timezone or profile.timezone or store.timezone,
        suspended=profile.suspended,
        has_coupons="DISCOUNT_COUPONS" in profile.features,
        scopes=tuple(sorted(had)),
        missing=tuple(sorted(NEEDED & lacking)),
        unknown=tuple(sorted(NEEDED - had - lacking)),
        skew=client.connection.skew or timedelta(0),
        calls_left=client.connection.pace.level().left,
        webhook_at=store.webhook_at,
        events_waiting=events_waiting,
    )


def _try_scopes(client: Client, granted: frozenset[str]) -> tuple[set[str], set[str]]:
    """Return the scopes that the token has and those it lacks.

    `granted` are the scopes that the store named when it gave the token, or empty; what can be tried is tried.
    """
    had, lacking = {"read_store_profile", *granted}, set(NEEDED - granted) if granted else set()
    for scope, probe in _PROBES.items():
        try:
            probe(client)
        except ScopeMissing:
            had.discard(scope)
            lacking.add(scope)
        else:
            had.add(scope)
            lacking.discard(scope)
    lacking.discard("read_store_profile")
    return had, lacking
