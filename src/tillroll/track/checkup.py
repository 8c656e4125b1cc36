"""How a store stands: does it let us in, with which rights, at what pace, do its webhooks come (`tillroll store check`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.oauth import NEEDED
from tillroll.errors import ScopeMissing
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import events

_PROBES: dict[str, Callable[[Client], Any]] = {
    "read_customers": lambda client: client.customers.count(),
    "read_orders": lambda client: client.orders.count(),
    "read_discount_coupons": lambda client: client.coupons.find("TILLROLL-PROBE"),
    "read_catalog": lambda client: client.products.count(),
}
"""One harmless call for each right that can be tried out without changing anything."""


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """What was found."""

    name: str
    currency: str
    timezone: str
    suspended: bool
    has_coupons: bool  # the plan's feature
    scopes: tuple[str, ...]  # the token has these
    missing: tuple[str, ...]  # campaigns need these, and the token lacks them
    unknown: tuple[str, ...]  # only the first change will tell
    skew: timedelta  # how far the store's clock is ahead of ours
    calls_left: float  # in the token's bucket now
    webhook_at: datetime | None
    events_waiting: int


def check_store(engine: Engine, client: Client, *, store: sa.Row[Any]) -> Checkup:
    """Ask the store a handful of things. Raises what the client raises when it won't answer at all."""
    profile = client.shop.profile()
    told = frozenset(store.scopes.split())
    had, lacking = _probe(client, told)
    with reading(engine) as connection:
        where = (events.c.store_id == store.id, events.c.handled_at.is_(None))
        waiting = sa.select(sa.func.count()).select_from(events).where(*where)
        events_waiting = int(connection.scalar(waiting) or 0)
    return Checkup(
        name=profile.name,
        currency=profile.currency,
        timezone=profile.timezone,
        suspended=profile.suspended,
        has_coupons="DISCOUNT_COUPONS" in profile.features,
        scopes=tuple(sorted(had)),
        missing=tuple(sorted(NEEDED & lacking)),
        unknown=tuple(sorted(NEEDED - had - lacking)),
        skew=client.connection.skew or timedelta(0),
        calls_left=client.connection.pace.standing().left,
        webhook_at=store.webhook_at,
        events_waiting=events_waiting,
    )


def _probe(client: Client, told: frozenset[str]) -> tuple[set[str], set[str]]:
    """(rights the token has, rights it lacks): as the store told when it gave the token, and as trying shows."""
    had, lacking = {"read_store_profile", *told}, set(NEEDED - told) if told else set()
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
