"""The mirror, brought up to date by what changed since the last look.

Each look starts a little before the last one ended, by the store's own clock: its search index lags its writes by seconds,
and a row that is read twice is only written twice. Deletions are asked for; where the count still differs, or the store
doesn't tell deletions, the area is read from end to end and what wasn't seen is asked after one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
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

_PIECE = 500
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


def sync(engine: Engine, client: Client, area: Area, *, store_id: int, now: datetime) -> int:
    """Bring one area of the mirror up to date; returns how many rows were read."""
    began = client.connection.store_time()
    look = last_look(engine, store_id, area)
    if look is None:
        since = began - ORDERS_LOOK_BACK if area is ORDERS else None
        count = _read(engine, client, area, store_id=store_id, since=since, now=now)
        _looked(engine, store_id, area, now=now, looked_at=began, whole_at=began)
        return count
    since = look.looked_at - OVERLAP
    ours = _made_by_us(engine, client, area, store_id=store_id, since=since)
    if ours is None and look.looked_at > began - WHOLE_EVERY:
        return 0  # we are just making some: what is looked at after that needn't be read
    count = 0
    if not ours or area.changed is None or area.changed(client, since) != ours:
        count = _read(engine, client, area, store_id=store_id, since=since, now=now)
    if area.deleted is not None:
        _forget(engine, area, store_id, {one.id for one in area.deleted(client, since)})
    if area is CATEGORIES:
        _ask_after_unseen(engine, client, area, store_id=store_id, seen_since=now)
    _looked(engine, store_id, area, now=now, looked_at=began)
    if look.whole_at is None or look.whole_at <= began - WHOLE_EVERY:
        count += _check_count(engine, client, area, store_id=store_id, now=now)
    return count


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


def _read(
    engine: Engine, client: Client, area: Area, *, store_id: int, since: datetime | None, now: datetime
) -> int:
    count = 0
    for piece in _pieces(area.every(client, since)):
        with writing(engine) as connection:
            area.write(connection, store_id, piece, now)
        count += len(piece)
    return count


def _pieces(rows: Iterator[_T]) -> Iterator[list[_T]]:
    while piece := list(islice(rows, _PIECE)):
        yield piece


def _forget(engine: Engine, area: Area, store_id: int, ids: set[str]) -> None:
    for piece in _pieces(iter(sorted(ids))):
        with writing(engine) as connection:
            area.remove(connection, store_id, piece)


def _check_count(engine: Engine, client: Client, area: Area, *, store_id: int, now: datetime) -> int:
    """Read the whole area again if the store counts other than we do."""
    if area.count is None:
        return 0
    with reading(engine) as connection:
        ours = sa.select(sa.func.count()).select_from(area.table).where(area.table.c.store_id == store_id)
        kept = int(connection.scalar(ours) or 0)
    began = client.connection.store_time()
    if area.count(client) == kept:
        _looked(engine, store_id, area, now=now, whole_at=began)
        return 0
    count = _read(engine, client, area, store_id=store_id, since=None, now=now)
    _ask_after_unseen(engine, client, area, store_id=store_id, seen_since=now)
    _looked(engine, store_id, area, now=now, looked_at=began, whole_at=began)
    return count


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


def _looked(engine: Engine, store_id: int, area: Area, *, now: datetime, **stamps: datetime) -> None:
    with writing(engine) as connection:
        row = {"store_id": store_id, "area": area.name, **stamps}
        if "looked_at" in stamps:
            upsert(connection, looks, [row])
            mark_fresh(connection, store_id, area, now)
        else:
            where = (looks.c.store_id == store_id, looks.c.area == area.name)
            connection.execute(sa.update(looks).where(*where).values(stamps))


def mark_fresh(connection: Connection, store_id: int, area: Area, now: datetime) -> None:
    """The area is up to date: read just now, or unchanged since it was, as the store says."""
    if area.name in _FRESH_SINCE:
        fresh = {_FRESH_SINCE[area.name]: now}
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(fresh))
