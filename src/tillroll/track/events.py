"""Acting on what the webhooks said: whatever an event names is read again by REST, and the event is done.

Nothing depends on webhooks but speed: the mirror's own looks find what they missed (`follow.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.errors import StoreRefusal
from tillroll.errors import ScopeMissing, TillrollError
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import events
from tillroll.track.mirror import CARTS, CATEGORIES, COUPONS, CUSTOMERS, ORDERS, PRODUCTS, Area
from tillroll.track.readings import Over, never
from tillroll.track.redeem import mark_redemptions
from tillroll.track.sync import sync, sync_one, sync_profile

log = structlog.get_logger("tillroll.track")

_AREA_OF = {
    "order": ORDERS,
    "unfinished_order": CARTS,
    "product": PRODUCTS,
    "category": CATEGORIES,
    "customer": CUSTOMERS,
    "discount_coupon": COUPONS,
}
_NAMED_IN_DATA = {ORDERS.name: "orderId", CARTS.name: "cartId"}  # the event's own entity id is another one
_OWN_DOING = {"application.storageChanged", "application.storage_changed"}  # the fence's record is kept there
_ONE_BY_ONE = 25  # more than so many of an area are read by one look at what changed
_LONGEST_ID = 18  # digits: more is no id of the store, and no number of the ledger
_MOST = 2_000  # events a look
_KEPT_FOR = timedelta(days=30)


def handle_events(engine: Engine, client: Client, *, store_id: int, now: datetime, over: Over = never) -> int:
    """Read again what the waiting events name; returns how many events are done."""
    waiting = _waiting(engine, store_id)
    handled = 0
    by_area: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for event in waiting:
        by_area[event.kind.partition(".")[0]].append(event)
    for name, of_area in by_area.items():
        if name in _AREA_OF:
            handled += _read_area(
                engine, client, _AREA_OF[name], of_area, store_id=store_id, now=now, over=over
            )
            continue
        if name in {"profile", "application"} and any(one.kind not in _OWN_DOING for one in of_area):
            # an uninstall is no more signed than anything else: the call is refused if it is true
            sync_profile(engine, client, store_id=store_id, now=now)
            _done(engine, of_area, "read", now)
        else:
            _done(engine, of_area, "kept", now)
        handled += len(of_area)
    if handled:
        log.info("events.handled", store=client.connection.store_id, events=handled)
    _clear(engine, store_id, now)
    return handled


def _waiting(engine: Engine, store_id: int) -> list[sa.Row[Any]]:
    where = (events.c.store_id == store_id, events.c.handled_at.is_(None))
    with reading(engine) as connection:
        return list(connection.execute(sa.select(events).where(*where).order_by(events.c.id).limit(_MOST)))


def _read_area(
    engine: Engine,
    client: Client,
    area: Area,
    waiting: list[sa.Row[Any]],
    *,
    store_id: int,
    now: datetime,
    over: Over,
) -> int:
    """Read what the events name; how many are done. One that can't be read is done too, and says why: it must not hold up
    the lane for ever."""
    try:
        done = _read_named(engine, client, area, waiting, store_id=store_id, now=now, over=over)
    except StoreRefusal as refusal:
        _unread(engine, area, waiting, refusal, now)
        return len(waiting)
    except ScopeMissing as missing:
        if area.needed:
            raise
        _unread(engine, area, waiting, missing, now)
        return len(waiting)
    if area is ORDERS:
        mark_redemptions(engine, store_id=store_id, seen_since=now)
    _done(engine, done, "read", now)
    return len(done)


def _read_named(
    engine: Engine,
    client: Client,
    area: Area,
    waiting: list[sa.Row[Any]],
    *,
    store_id: int,
    now: datetime,
    over: Over,
) -> list[sa.Row[Any]]:
    """Those of the events that what is in the mirror now is later than.

    Many are read by one look at what changed. If that is a long one, some are read one by one meanwhile: what happens to a
    customer needn't wait until all customers were read.
    """
    named = {id_ for event in waiting if (id_ := _id_of(area, event))}
    unnamed = any(not _id_of(area, event) for event in waiting)
    if unnamed or len(named) > _ONE_BY_ONE:
        synced = sync(engine, client, area, store_id=store_id, now=now, over=over)
        if synced.fresh:
            return [one for one in waiting if synced.since is None or one.received_at <= synced.since]
    read = set(sorted(named)[:_ONE_BY_ONE])
    for id_ in sorted(read):
        sync_one(engine, client, area, store_id=store_id, id_=id_, now=now)
    return [event for event in waiting if _id_of(area, event) in read]


def _unread(
    engine: Engine, area: Area, waiting: list[sa.Row[Any]], trouble: TillrollError, now: datetime
) -> None:
    log.warning("events.unread", area=area.name, events=len(waiting), reason=trouble.message)
    _done(engine, waiting, f"not read: {trouble.message}", now)


def _id_of(area: Area, event: sa.Row[Any]) -> str:
    """What to read again; empty when the event doesn't name it as the API wants it named."""
    name = _NAMED_IN_DATA.get(area.name)
    id_ = str(event.data.get(name, "") if name else event.entity)
    number = not isinstance(area.key.type, sa.Text)
    return id_ if not number or (id_.isascii() and id_.isdigit() and len(id_) <= _LONGEST_ID) else ""


def _done(engine: Engine, handled: Iterable[sa.Row[Any]], outcome: str, now: datetime) -> None:
    ids = [event.id for event in handled]
    for start in range(0, len(ids), 500):
        where = (events.c.id.in_(ids[start : start + 500]), events.c.handled_at.is_(None))
        with writing(engine) as connection:
            connection.execute(sa.update(events).where(*where).values(handled_at=now, outcome=outcome))


def _clear(engine: Engine, store_id: int, now: datetime) -> None:
    """Forget events that can't come again."""
    where = (events.c.store_id == store_id, events.c.handled_at < now - _KEPT_FOR)
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*where))):
            return
    with writing(engine) as connection:
        connection.execute(sa.delete(events).where(*where))
