"""Keeping up with the store: one cheap call tells which areas changed, and only those are read.

`GET /latest-stats` says when each area last changed. An area that was looked at well after that is up to date without
reading it; one whose stamp the store doesn't tell is read at its own rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.shop import LatestStats
from tillroll.errors import ScopeMissing
from tillroll.ledger.engine import writing
from tillroll.track.mirror import CARTS, CATEGORIES, COUPONS, CUSTOMERS, ORDERS, PRODUCTS, REVIEWS, Area
from tillroll.track.redeem import mark_redemptions
from tillroll.track.scores import keep_scores
from tillroll.track.sync import last_look, mark_fresh, settled, sync, sync_profile

log = structlog.get_logger("tillroll.track")

PROFILE_EVERY = timedelta(hours=6)
POLL_EVERY = timedelta(minutes=1)
_RHYTHM = {
    CUSTOMERS.name: POLL_EVERY,
    ORDERS.name: POLL_EVERY,
    CARTS.name: timedelta(minutes=5),
    PRODUCTS.name: timedelta(minutes=5),
    CATEGORIES.name: timedelta(hours=1),
    REVIEWS.name: timedelta(minutes=15),
    COUPONS.name: timedelta(hours=1),  # ours are known to the ledger; those made by hand may wait
}
"""How often an area is read at most, and at least when the store doesn't say whether it changed."""


@dataclass(kw_only=True)
class Following:
    """What one lane remembers between two looks."""

    polled_at: datetime | None = None
    lacking: set[str] = field(default_factory=set)  # areas whose scope the token lacks; told once


def follow_shop(
    engine: Engine, client: Client, following: Following, *, store: sa.Row[Any], now: datetime
) -> None:
    """Read what changed: the profile first of all, since currency and time zone are part of every plan."""
    if store.profile_at is None or store.profile_at <= now - PROFILE_EVERY:
        sync_profile(engine, client, store_id=store.id, now=now)
    if following.polled_at is not None and following.polled_at > now - POLL_EVERY:
        return
    stats = client.shop.latest_stats()
    for area in (ORDERS, CARTS, PRODUCTS, CATEGORIES, COUPONS, REVIEWS):
        _look(engine, client, following, area, stats, store=store, now=now)
    if store.customers_at is not None:  # the first look at customers is the first plan's
        _look(engine, client, following, CUSTOMERS, stats, store=store, now=now)
        keep_scores(engine, store_id=store.id, now=now)
    following.polled_at = now


def sync_customers(engine: Engine, client: Client, *, store: sa.Row[Any], now: datetime) -> None:
    """Bring the customers up to date now: before a plan, and before e-mails leave."""
    read = sync(engine, client, CUSTOMERS, store_id=store.id, now=now)
    keep_scores(engine, store_id=store.id, now=now)
    log.info("customers.read", store=store.ecwid_id, customers=read)


def _look(
    engine: Engine,
    client: Client,
    following: Following,
    area: Area,
    stats: LatestStats,
    *,
    store: sa.Row[Any],
    now: datetime,
) -> None:
    """Read an area if it changed and its time has come."""
    if area.name in following.lacking:
        return
    look, changed_at = last_look(engine, store.id, area), area.changed_at(stats)
    if settled(look, changed_at):
        with writing(engine) as connection:
            mark_fresh(connection, store.id, area, now)
        return
    if look is not None and look.looked_at > client.connection.store_time() - _RHYTHM[area.name]:
        return
    try:
        read = sync(engine, client, area, store_id=store.id, now=now)
    except ScopeMissing as missing:
        if area.needed:
            raise
        following.lacking.add(area.name)
        log.warning("area.unread", store=store.ecwid_id, area=area.name, reason=missing.message)
        return
    if area is ORDERS:
        used = mark_redemptions(engine, store_id=store.id, seen_since=now)
        log.info("orders.read", store=store.ecwid_id, orders=read, redemptions=used)
    elif read:
        log.info("area.read", store=store.ecwid_id, area=area.name, rows=read)
