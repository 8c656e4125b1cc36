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
from tillroll.ledger.engine import reading, writing
from tillroll.track.mirror import (
    AREAS,
    CARTS,
    CATEGORIES,
    COUPONS,
    CUSTOMERS,
    ORDERS,
    PRODUCTS,
    REVIEWS,
    Area,
)
from tillroll.track.readings import Kind, Over, forget_area, never, under_way
from tillroll.track.scores import keep_scores
from tillroll.track.sync import Synced, last_look, mark_fresh, settled, sync, sync_profile

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
    engine: Engine,
    client: Client,
    following: Following,
    *,
    store: sa.Row[Any],
    now: datetime,
    over: Over = never,
) -> None:
    """Read what changed: the profile first of all, since currency and time zone are part of every plan.

    With `over` it is a slice: what isn't read to its end then is gone on with by `read_on`.
    """
    if store.profile_at is None or store.profile_at <= now - PROFILE_EVERY:
        sync_profile(engine, client, store_id=store.id, now=now)
    if following.polled_at is not None and following.polled_at > now - POLL_EVERY:
        return
    stats = client.shop.latest_stats()
    with reading(engine) as connection:
        begun = {one.area for one in under_way(connection, store.id)}
    for area in (ORDERS, CARTS, PRODUCTS, CATEGORIES, COUPONS, REVIEWS, CUSTOMERS):
        if area is CUSTOMERS and store.customers_at is None:
            continue  # the first look at customers is the first plan's
        if area.name not in begun:
            _look(engine, client, following, area, stats, store=store, now=now, over=over)
    following.polled_at = now


def read_on(
    engine: Engine, client: Client, following: Following, *, store: sa.Row[Any], now: datetime, over: Over
) -> None:
    """Go on with the readings that are under way: the one that has waited longest has most of the slice, each has a piece."""
    with reading(engine) as connection:
        begun = dict.fromkeys(one.area for one in under_way(connection, store.id))
    for name in begun:
        _sync(engine, client, following, AREAS[name], store=store, now=now, over=over)


def still_reading(engine: Engine, following: Following, store_id: int) -> bool:
    """Whether a reading is under way that can go on at once."""
    with reading(engine) as connection:
        return any(one.area not in following.lacking for one in under_way(connection, store_id))


def behind(engine: Engine, store_id: int) -> bool:
    """Whether news are being read that what happens to a customer may follow from: orders, carts, goods."""
    with reading(engine) as connection:
        begun = under_way(connection, store_id, ORDERS, CARTS, PRODUCTS)
    return any(one.kind is Kind.NEWS for one in begun)


def sync_customers(
    engine: Engine, client: Client, *, store: sa.Row[Any], now: datetime, over: Over = never
) -> Synced:
    """Bring the customers up to date now, or a slice nearer to that: before a plan, and before e-mails leave."""
    synced = sync(engine, client, CUSTOMERS, store_id=store.id, now=now, over=over)
    if synced.fresh:
        keep_scores(engine, store_id=store.id, now=now)
    log.info("customers.read", store=store.ecwid_id, customers=synced.rows)
    return synced


def _look(
    engine: Engine,
    client: Client,
    following: Following,
    area: Area,
    stats: LatestStats,
    *,
    store: sa.Row[Any],
    now: datetime,
    over: Over,
) -> None:
    """Read an area if it changed and its time has come."""
    if area.name in following.lacking:
        return
    look, changed_at = last_look(engine, store.id, area), area.changed_at(stats)
    if settled(look, changed_at):
        with writing(engine) as connection:
            mark_fresh(connection, store.id, area, now)
    elif look is None or look.looked_at <= client.connection.store_time() - _RHYTHM[area.name]:
        _sync(engine, client, following, area, store=store, now=now, over=over)
    if area is CUSTOMERS:
        keep_scores(engine, store_id=store.id, now=now)


def _sync(
    engine: Engine,
    client: Client,
    following: Following,
    area: Area,
    *,
    store: sa.Row[Any],
    now: datetime,
    over: Over,
) -> None:
    """Read an area, or a slice of it; one whose scope the token lacks is left alone if it can be."""
    if area.name in following.lacking:
        return
    if area is CUSTOMERS:
        sync_customers(engine, client, store=store, now=now, over=over)
        return
    try:
        synced = sync(engine, client, area, store_id=store.id, now=now, over=over)
    except ScopeMissing as missing:
        if area.needed:
            raise
        following.lacking.add(area.name)
        with writing(engine) as connection:
            forget_area(connection, store.id, area)  # what waits for it would wait for ever
        log.warning("area.unread", store=store.ecwid_id, area=area.name, reason=missing.message)
        return
    if area is ORDERS:
        log.info("orders.read", store=store.ecwid_id, orders=synced.rows, redemptions=synced.redemptions)
    elif synced.rows:
        log.info("area.read", store=store.ecwid_id, area=area.name, rows=synced.rows)
