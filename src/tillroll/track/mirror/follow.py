"""Following the store: one cheap call tells which areas changed, and only those are read.

`GET /latest-stats` says when each area last changed. An area that was read well after its last change is up to date already. An
area whose last change the store doesn't tell is read at an interval of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Engine

from tillroll.campaign.states import ItemKind, Stage
from tillroll.ecwid.endpoints.shop import LatestStats
from tillroll.errors import Refused, ScopeMissing
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem, resting_items
from tillroll.ledger.records import Store
from tillroll.track.mirror.areas import (
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
from tillroll.track.mirror.promotions import sync_promotions
from tillroll.track.mirror.readings import ReadingKind, forget_area, under_way
from tillroll.track.mirror.scores import refresh_scores
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import Synced, is_settled, last_look, mark_fresh, sync, sync_profile

log = structlog.get_logger("tillroll.track")

PROFILE_EVERY = timedelta(hours=6)
POLL_EVERY = timedelta(minutes=1)
_READ_EVERY = {
    CUSTOMERS.name: POLL_EVERY,
    ORDERS.name: POLL_EVERY,
    CARTS.name: timedelta(minutes=5),
    PRODUCTS.name: timedelta(minutes=5),
    CATEGORIES.name: timedelta(hours=1),
    REVIEWS.name: timedelta(minutes=15),
    COUPONS.name: timedelta(hours=1),  # the ledger knows our own; coupons made by hand may wait
}
"""The shortest time between two readings of an area; also the longest, if the store doesn't tell whether it changed."""


@dataclass(kw_only=True)
class Following:
    """What a store's worker remembers between two looks."""

    polled_at: datetime | None = None
    lacking: set[str] = field(default_factory=set)  # areas whose scope the token lacks; logged once


def follow_shop(session: MirrorSession, following: Following, store: Store) -> None:
    """Read what changed: the profile first, since every plan depends on currency and time zone.

    An area that isn't read to its end in this slice is continued by `continue_readings`.
    """
    if store.profile_at is None or store.profile_at <= session.now - PROFILE_EVERY:
        sync_profile(session.engine, session.client, store_id=store.id, now=session.now)
        sync_promotions(session, following.lacking)
    if following.polled_at is not None and following.polled_at > session.now - POLL_EVERY:
        return
    stats = session.client.shop.latest_stats()
    with reading(session.engine) as connection:
        begun = {current.area for current in under_way(connection, store.id)}
    resting = _resting_areas(session.engine, session.store_id, session.now)
    for area in (ORDERS, CARTS, PRODUCTS, CATEGORIES, COUPONS, REVIEWS, CUSTOMERS):
        if area is CUSTOMERS and store.customers_at is None:
            continue  # customers are first read for the first plan
        if area.name not in begun | resting:
            with _one_area(session, area):
                _read_if_due(session, following, area, stats)
    following.polled_at = session.now


def continue_readings(session: MirrorSession, following: Following) -> None:
    """Continue the readings under way. The longest waiting gets most of the slice; each gets at least one piece."""
    with reading(session.engine) as connection:
        begun = dict.fromkeys(current.area for current in under_way(connection, session.store_id))
    resting = _resting_areas(session.engine, session.store_id, session.now)
    for name in begun:
        if name not in resting:
            with _one_area(session, AREAS[name]):
                _read_area(session, following, AREAS[name])


def _resting_areas(engine: Engine, store_id: int, now: datetime) -> frozenset[str]:
    """Return the areas that pause after a fault."""
    with reading(engine) as connection:
        return resting_items(connection, store_id, ItemKind.AREA, now=now)


@contextmanager
def _one_area(session: MirrorSession, area: Area) -> Iterator[None]:
    """Read one area; a fault of it costs the others nothing. What the store refuses is raised: then the store rests."""
    item = FaultyItem(store_id=session.store_id, kind=ItemKind.AREA, name=area.name)
    with contained(session.engine, item, stage=Stage.MIRROR, now=session.now, raised=(Refused,)):
        yield


def is_reading(engine: Engine, following: Following, store_id: int) -> bool:
    """Whether a reading is under way that can continue at once."""
    with reading(engine) as connection:
        return any(current.area not in following.lacking for current in under_way(connection, store_id))


def is_behind(engine: Engine, store_id: int, now: datetime) -> bool:
    """Whether news of orders, carts or products is being read, or can't be: events of customers may follow from it."""
    if _resting_areas(engine, store_id, now) & {ORDERS.name, CARTS.name, PRODUCTS.name}:
        return True
    with reading(engine) as connection:
        begun = under_way(connection, store_id, ORDERS, CARTS, PRODUCTS)
    return any(current.kind is ReadingKind.NEWS for current in begun)


def reads_news_of_orders(engine: Engine, store_id: int) -> bool:
    """Whether news of orders has been read in part."""
    with reading(engine) as connection:
        return any(current.kind is ReadingKind.NEWS for current in under_way(connection, store_id, ORDERS))


def sync_customers(session: MirrorSession) -> Synced:
    """Bring the customers up to date now, or one slice nearer to that: before a plan, and before e-mails leave."""
    synced = sync(session, CUSTOMERS)
    if synced.fresh:
        refresh_scores(session.engine, store_id=session.store_id, now=session.now)
    log.info("customers.read", store=session.client.connection.store_id, customers=synced.rows)
    return synced


def _read_if_due(session: MirrorSession, following: Following, area: Area, stats: LatestStats) -> None:
    """Read an area if it may have changed and was not read just before."""
    if area.name in following.lacking:
        return
    look, changed_at = last_look(session.engine, session.store_id, area.name), area.changed_at(stats)
    if is_settled(look, changed_at):
        with writing(session.engine) as connection:
            mark_fresh(connection, session.store_id, area, session.now)
    elif look is None or look.looked_at <= session.client.connection.store_time() - _READ_EVERY[area.name]:
        _read_area(session, following, area)
    if area is CUSTOMERS:
        refresh_scores(session.engine, store_id=session.store_id, now=session.now)


def _read_area(session: MirrorSession, following: Following, area: Area) -> None:
    """Read an area, or a slice of it. From then on an area whose scope the token lacks is skipped, unless it is needed."""
    if area.name in following.lacking:
        return
    if area is CUSTOMERS:
        sync_customers(session)
        return
    store = session.client.connection.store_id
    try:
        synced = sync(session, area)
    except ScopeMissing as missing:
        if area.needed:
            raise
        following.lacking.add(area.name)
        with writing(session.engine) as connection:
            forget_area(connection, session.store_id, area)  # otherwise its readers would wait for ever
        log.warning("area.unread", store=store, area=area.name, reason=missing.message)
        return
    if area is ORDERS:
        log.info("orders.read", store=store, orders=synced.rows, redemptions=synced.redemptions)
    elif synced.rows:
        log.info("area.read", store=store, area=area.name, rows=synced.rows)
