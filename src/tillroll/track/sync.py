"""The mirror, brought up to date by what changed since the last look.

Each look starts a little before the last one ended, by the store's own clock: its search index lags its writes by seconds,
and a row that is read twice is only written twice. Deletions are asked for; where the count still differs, or the store
doesn't tell deletions, the area is read from end to end and what wasn't seen is asked after one by one. A long reading goes on
over several looks (`readings.py`), and counts for the moment at which it began.

Crash points: *the news read, not noted*, before `_end_news`: their last page is read again. *Deleted and redeemed, not noted*:
the same, and harmless to repeat. *Noted*: one transaction with the end of the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.ecwid.client import Client
from tillroll.ecwid.errors import StoreSaysNotFound
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.looks import ORDERS_LOOK_BACK
from tillroll.ledger.tables import looks, stores
from tillroll.track.mirror import CATEGORIES, CUSTOMERS, ORDERS, Area
from tillroll.track.readings import PIECE, Kind, Over, Reading, forget, go_on, never, under_way
from tillroll.track.redeem import mark_redemptions

OVERLAP = timedelta(minutes=10)
SETTLED = timedelta(
    minutes=2
)  # an area that changed so long before a look was read whole: the index lags by seconds
WHOLE_EVERY = timedelta(hours=6)  # at most so often an area is read whole because its count differs
_MOST_ASKED_AFTER = 200  # rows that are asked after one by one in a look; the rest waits for the next

_FRESH_SINCE = {CUSTOMERS.name: "customers_at", ORDERS.name: "orders_at"}  # columns of the store's own row

_T = TypeVar("_T")


def sync_profile(engine: Engine, client: Client, *, store_id: int, now: datetime) -> None:
    """Learn the store's name, currency and time zone."""
    profile = client.shop.profile()
    with writing(engine) as connection:
        connection.execute(
            sa.update(stores)
            .where(stores.c.id == store_id)
            .values(
                name=profile.name,
                url=profile.url,
                email=profile.email,
                currency=profile.currency,
                timezone=profile.timezone,
                language=profile.language,
                profile_at=now,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Synced:
    """How far an area was brought up to date."""

    rows: int = 0  # read just now
    fresh: bool = True  # what changed since the last look (at first: everything) was read to its end
    over: bool = True  # and nothing else of the area is being read
    since: datetime | None = None  # by our clock: what happened by then is in the mirror; none: not fresh
    redemptions: int = 0  # that were not known before


def sync(
    engine: Engine, client: Client, area: Area, *, store_id: int, now: datetime, over: Over = never
) -> Synced:
    """Bring one area of the mirror up to date, or a slice nearer to that: whoever calls again goes on where it stands."""
    with reading(engine) as connection:
        begun = {one.kind: one for one in under_way(connection, store_id, area)}
    look = last_look(engine, store_id, area)
    news = begun.get(Kind.NEWS)
    unchanged = False
    if news is None:
        news = _news(client, area, look, now)
        if look is not None and news.since is not None:
            ours = _made_by_us(engine, client, area, store_id=store_id, since=news.since)
            if ours is None and look.looked_at > news.began_at - WHOLE_EVERY:
                return Synced()  # we are just making some: what is looked at after that needn't be read
            unchanged = bool(ours) and area.changed is not None and area.changed(client, news.since) == ours
    count, done = 0, True
    if not unchanged:
        count, done = go_on(engine, client, area, news, store_id=store_id, now=now, over=over)
    if not done:
        return Synced(rows=count, fresh=False, over=False)
    used = _end_news(engine, client, area, news, store_id=store_id, first=look is None)
    synced = Synced(rows=count, since=news.seen_since, redemptions=used)
    due = look is not None and (look.whole_at is None or look.whole_at <= news.began_at - WHOLE_EVERY)
    if Kind.WHOLE not in begun and not due:
        return synced
    count, done = _whole(engine, client, area, begun.get(Kind.WHOLE), store_id=store_id, now=now, over=over)
    return replace(synced, rows=synced.rows + count, over=done)


def _news(client: Client, area: Area, look: sa.Row[Any] | None, now: datetime) -> Reading:
    """What changed since the last look, about to be read; all of it when there was none, or as much as is read at first."""
    began = client.connection.store_time()
    since = began - ORDERS_LOOK_BACK if area is ORDERS else None
    if look is not None:
        since = look.looked_at - OVERLAP
    return Reading(area=area.name, kind=Kind.NEWS, since=since, began_at=began, seen_since=now)


def _end_news(
    engine: Engine, client: Client, area: Area, news: Reading, *, store_id: int, first: bool
) -> int:
    """The news were read to their end: what was deleted is forgotten, and what follows is worked out; how many redemptions."""
    if not first and area.deleted is not None and news.since is not None:
        _forget(engine, area, store_id, {one.id for one in area.deleted(client, news.since)})
    if not first and area is CATEGORIES:
        _ask_after_unseen(engine, client, area, store_id=store_id, seen_since=news.seen_since)
    used = 0
    if area is ORDERS:  # before it is written that they were looked at: nobody would come by them again
        used = mark_redemptions(engine, store_id=store_id, seen_since=news.seen_since)
    stamps = {"looked_at": news.began_at} | ({"whole_at": news.began_at} if first else {})
    with writing(engine) as connection:
        upsert(connection, looks, [{"store_id": store_id, "area": area.name, **stamps}])
        mark_fresh(connection, store_id, area, news.seen_since)
        forget(connection, store_id, news)
    return used


def _made_by_us(engine: Engine, client: Client, area: Area, *, store_id: int, since: datetime) -> int | None:
    """How many we made in the store since then, which needn't be read again; None while we are making some."""
    if area.ours is None:
        return 0
    with reading(engine) as connection:
        return area.ours(connection, store_id, since - (client.connection.skew or timedelta(0)))


def settled(look: sa.Row[Any] | None, changed_at: datetime | None) -> bool:
    """Whether a look is later than the area's last change by more than the search index can lag."""
    return look is not None and changed_at is not None and look.looked_at >= changed_at + SETTLED


def last_look(engine: Engine, store_id: int, area: Area) -> sa.Row[Any] | None:
    """When an area was last looked at, or None."""
    with reading(engine) as connection:
        query = sa.select(looks).where(looks.c.store_id == store_id, looks.c.area == area.name)
        return connection.execute(query).first()


def sync_one(engine: Engine, client: Client, area: Area, *, store_id: int, id_: str, now: datetime) -> bool:
    """Read one thing again, past the search index; whether the store still has it."""
    try:
        found = area.get(client, id_)
    except StoreSaysNotFound:
        _forget(engine, area, store_id, {id_})
        return False
    with writing(engine) as connection:
        area.write(connection, store_id, [found], now)
    return True


def _pieces(rows: Iterator[_T]) -> Iterator[list[_T]]:
    while piece := list(islice(rows, PIECE)):
        yield piece


def _forget(engine: Engine, area: Area, store_id: int, ids: set[str]) -> None:
    for piece in _pieces(iter(sorted(ids))):
        with writing(engine) as connection:
            area.remove(connection, store_id, piece)


def _whole(
    engine: Engine,
    client: Client,
    area: Area,
    begun: Reading | None,
    *,
    store_id: int,
    now: datetime,
    over: Over,
) -> tuple[int, bool]:
    """Read the whole area again if the store counts other than we do: how many rows just now, and whether it is over."""
    if area.count is None:
        return 0, True
    if begun is None:
        began = client.connection.store_time()
        begun = Reading(area=area.name, kind=Kind.WHOLE, since=None, began_at=began, seen_since=now)
        if area.count(client) == _kept(engine, area, store_id):
            _end_whole(engine, begun, store_id)
            return 0, True
    count, done = go_on(engine, client, area, begun, store_id=store_id, now=now, over=over)
    if done:
        _ask_after_unseen(engine, client, area, store_id=store_id, seen_since=begun.seen_since)
        _end_whole(engine, begun, store_id)
    return count, done


def _kept(engine: Engine, area: Area, store_id: int) -> int:
    """How many rows of the area the mirror has."""
    ours = sa.select(sa.func.count()).select_from(area.table).where(area.table.c.store_id == store_id)
    with reading(engine) as connection:
        return int(connection.scalar(ours) or 0)


def _end_whole(engine: Engine, whole: Reading, store_id: int) -> None:
    where = (looks.c.store_id == store_id, looks.c.area == whole.area)
    with writing(engine) as connection:
        connection.execute(sa.update(looks).where(*where).values(whole_at=whole.began_at))
        forget(connection, store_id, whole)


def _ask_after_unseen(
    engine: Engine, client: Client, area: Area, *, store_id: int, seen_since: datetime
) -> None:
    """Rows that a reading from end to end didn't show are gone, or too new for the search index: ask which."""
    query = (
        sa.select(area.key)
        .where(area.table.c.store_id == store_id, area.table.c.seen_at < seen_since)
        .limit(_MOST_ASKED_AFTER)
    )
    with reading(engine) as connection:
        unseen = [str(one) for one in connection.scalars(query)]
    for id_ in unseen:
        sync_one(engine, client, area, store_id=store_id, id_=id_, now=seen_since)


def mark_fresh(connection: Connection, store_id: int, area: Area, now: datetime) -> None:
    """The area is up to date: read just now, or unchanged since it was, as the store says."""
    if area.name in _FRESH_SINCE:
        fresh = {_FRESH_SINCE[area.name]: now}
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(fresh))
