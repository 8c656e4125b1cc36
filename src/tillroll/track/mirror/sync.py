"""Bringing the mirror up to date with what changed since the last look.

Each look starts a little before the last one ended, by the store's own clock: the store's search index lags its writes by
seconds, and writing a row twice is harmless. Deleted objects are asked for. Where the count still differs, or the store doesn't
tell deletions, the whole area is read, and each row that was not seen is asked for by its id. A long reading continues over
several looks (`readings.py`) and counts as of the moment at which it began.

Crash points: *the news read, not noted*, before `_end_news`: their last page is read again. *Deleted and redeemed, not noted*:
the same, and harmless to repeat. *Noted*: one transaction with the end of the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.rows import Unread, UnreadableRow
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.errors import Refused
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.mirror.reach import ORDERS_LOOK_BACK
from tillroll.ledger.mirror.unread import PROFILE, count_unread, forget_unread, forget_unread_before
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import looks, stores
from tillroll.track.mirror.areas import CATEGORIES, CUSTOMERS, ORDERS, Area
from tillroll.track.mirror.notes import UnreadNotes
from tillroll.track.mirror.readings import PIECE, Reading, ReadingKind, forget_reading, read_slice, under_way
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.results.redeem import mark_redemptions
from tillroll.track.results.undone import ask_after_codes

OVERLAP = timedelta(minutes=10)
SETTLED = timedelta(minutes=2)  # longer than the search index lags: a look this long after a change saw it
WHOLE_EVERY = timedelta(hours=6)  # a whole area is read again because of its count at most this often
_MOST_ASKED_AFTER = 200  # unseen rows asked for by id in one look; the others wait for the next look

_FRESH_SINCE = {CUSTOMERS.name: "customers_at", ORDERS.name: "orders_at"}  # columns of the store's own row


def sync_profile(engine: Engine, client: Client, *, store_id: int, now: datetime) -> None:
    """Read the store's name, currency and time zone. What can't be read of these stays as it was, and is told.

    The time zone stays if a person has chosen one.
    """
    notes = UnreadNotes(PROFILE)
    with reading(engine) as connection:
        has_chosen_zone = bool(load_store(connection, store_id).chosen_timezone)

    def tell(unread: Unread) -> None:
        if unread.field != "timezone" or not has_chosen_zone:
            notes.tell(unread)

    profile = client.shop.profile(tell=tell)
    values = {
        "name": profile.name,
        "email": profile.email,
        "language": profile.language,
        "own_emails": [email.value for email in profile.own_emails],
        "profile_at": now,
    }
    must_be_readable = {"url": profile.url, "currency": profile.currency, "timezone": profile.timezone}
    unread = notes.fields | ({"timezone"} if has_chosen_zone else set())
    values |= {name: value for name, value in must_be_readable.items() if name not in unread}
    with writing(engine) as connection:
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(values))
        forget_unread_before(connection, store_id, PROFILE, now)
        notes.write(connection, store_id, [], now)


@dataclass(frozen=True, kw_only=True)
class Synced:
    """How far an area was brought up to date."""

    rows: int = 0  # read in this slice
    fresh: bool = True  # everything that changed since the last look (at first: everything) is read
    complete: bool = True  # and no other reading of the area is under way
    since: datetime | None = None  # by our clock: what happened up to then is in the mirror; None: not fresh
    redemptions: int = 0  # new ones


@dataclass(frozen=True, kw_only=True)
class LastLook:
    """When an area was last read."""

    looked_at: datetime  # by the store's clock: the mirror is complete up to here
    whole_at: datetime | None  # when all of the area was last read


def sync(session: MirrorSession, area: Area) -> Synced:
    """Bring one area of the mirror up to date, or one slice nearer to that. The next call continues from there."""
    with reading(session.engine) as connection:
        begun = {current.kind: current for current in under_way(connection, session.store_id, area)}
    look = last_look(session.engine, session.store_id, area.name)
    news = begun.get(ReadingKind.NEWS)
    unchanged = False
    if news is None:
        news = _news(session, area, look)
        if look is not None and news.since is not None:
            ours = _count_made_by_us(session, area, since=news.since)
            if ours is None and look.looked_at > news.began_at - WHOLE_EVERY:
                return Synced()  # we are making some right now: a later look reads only what others change
            unchanged = (
                bool(ours) and area.changed is not None and area.changed(session.client, news.since) == ours
            )
    count, done = (0, True) if unchanged else read_slice(session, area, news)
    if not done:
        return Synced(rows=count, fresh=False, complete=False)
    used = _end_news(session, area, news, first=look is None)
    synced = Synced(rows=count, since=news.seen_since, redemptions=used)
    due = look is not None and (look.whole_at is None or look.whole_at <= news.began_at - WHOLE_EVERY)
    if ReadingKind.WHOLE not in begun and not due:
        return synced
    count, done = _read_whole(session, area, begun.get(ReadingKind.WHOLE))
    return replace(synced, rows=synced.rows + count, complete=done)


def _news(session: MirrorSession, area: Area, look: LastLook | None) -> Reading:
    """Return a new reading of what changed since the last look; of everything, or the recent orders, if there was none."""
    began = session.client.connection.store_time()
    since = began - ORDERS_LOOK_BACK if area is ORDERS else None
    if look is not None:
        since = look.looked_at - OVERLAP
    return Reading(area=area.name, kind=ReadingKind.NEWS, since=since, began_at=began, seen_since=session.now)


def _end_news(session: MirrorSession, area: Area, news: Reading, *, first: bool) -> int:
    """Finish an incremental sync: remove what was deleted, and record what follows. Returns how many redemptions are new."""
    if not first and area.deleted is not None and news.since is not None:
        deleted = list(area.deleted(session.client, news.since))
        _remove(session, area, {deletion.id for deletion in deleted if deletion.id})
        _remove_numbered(session, area, [deletion.number for deletion in deleted if not deletion.id])
    if not first and area is CATEGORIES:
        _ask_after_unseen(session, area, seen_since=news.seen_since)
    used = 0
    if area is ORDERS:  # before the look is recorded: a later look would not read these orders again
        used = settle_uses(session, seen_since=news.seen_since)
    stamps = {"looked_at": news.began_at} | ({"whole_at": news.began_at} if first else {})
    with writing(session.engine) as connection:
        upsert(connection, looks, [{"store_id": session.store_id, "area": area.name, **stamps}])
        mark_fresh(connection, session.store_id, area, news.seen_since)
        forget_reading(connection, session.store_id, news)
    return used


def _count_made_by_us(session: MirrorSession, area: Area, *, since: datetime) -> int | None:
    """Count what we made in the store since then, which needn't be read again; None while we are making some."""
    if area.ours is None:
        return 0
    skew = session.client.connection.skew or timedelta(0)
    with reading(session.engine) as connection:
        return area.ours(connection, session.store_id, since - skew)


def settle_uses(session: MirrorSession, *, seen_since: datetime) -> int:
    """Record which codes the orders seen since a moment used, and ask after those whose order was undone.

    Returns how many uses are new.
    """
    used = mark_redemptions(session.engine, store_id=session.store_id, seen_since=seen_since)
    ask_after_codes(session, now=session.now)
    return used


def is_settled(look: LastLook | None, changed_at: datetime | None) -> bool:
    """Whether a look came so long after the area's last change that the search index had it by then."""
    return look is not None and changed_at is not None and look.looked_at >= changed_at + SETTLED


def last_look(engine: Engine, store_id: int, name: str) -> LastLook | None:
    """Return when an area was last read, by its name, or None."""
    query = sa.select(looks.c.looked_at, looks.c.whole_at)
    with reading(engine) as connection:
        row = connection.execute(query.where(looks.c.store_id == store_id, looks.c.area == name)).first()
    return LastLook(looked_at=row.looked_at, whole_at=row.whole_at) if row is not None else None


def sync_one(session: MirrorSession, area: Area, id_: str) -> bool:
    """Read one object by its id, which the search index doesn't delay. Returns whether the store still has it."""
    notes, read = UnreadNotes(area.name), []
    try:
        read.append(area.get(session.client, id_, notes.tell))
    except StoreSaysNotFound:
        _remove(session, area, {id_})
        return False
    except UnreadableRow:
        pass  # it is noted; what the mirror has of it stays
    with writing(session.engine) as connection:
        area.write(connection, session.store_id, read, session.now)
        notes.write(connection, session.store_id, [id_] if read else [], session.now)
    return True


def _remove(session: MirrorSession, area: Area, ids: set[str]) -> None:
    for piece in batched(sorted(ids), PIECE):
        with writing(session.engine) as connection:
            area.remove(connection, session.store_id, piece)
            forget_unread(connection, session.store_id, area.name, piece)


def _remove_numbered(session: MirrorSession, area: Area, numbers: Sequence[int | None]) -> None:
    """Remove the objects of which the store told the number alone. Those that the mirror has without it, the count finds."""
    if area.number is None:
        return
    for piece in batched(sorted({number for number in numbers if number is not None}), PIECE):
        query = sa.select(area.key).where(area.table.c.store_id == session.store_id, area.number.in_(piece))
        with reading(session.engine) as connection:
            ids = set(connection.scalars(query))
        _remove(session, area, ids)


def _read_whole(session: MirrorSession, area: Area, begun: Reading | None) -> tuple[int, bool]:
    """Read the whole area again if the store's count differs from ours. Returns how many rows were read, and whether it ended."""
    if area.count is None or not _is_all_read(session, area):
        return 0, True
    if begun is None:
        began = session.client.connection.store_time()
        begun = Reading(
            area=area.name, kind=ReadingKind.WHOLE, since=None, began_at=began, seen_since=session.now
        )
        if area.count(session.client, began - SETTLED) == _count_rows(session, area, began - SETTLED):
            _end_whole(session, begun)
            return 0, True
    count, done = read_slice(session, area, begun)
    if done:
        with writing(session.engine) as connection:
            forget_unread_before(connection, session.store_id, area.name, begun.seen_since)
        _ask_after_unseen(session, area, seen_since=begun.seen_since)
        if area is ORDERS:  # an order that the news missed may have used a code
            settle_uses(session, seen_since=begun.seen_since)
        _end_whole(session, begun)
    return count, done


def _is_all_read(session: MirrorSession, area: Area) -> bool:
    """Whether the mirror reaches back to the area's first object: before that, its count says nothing."""
    if area.history is None:
        return True
    older = last_look(session.engine, session.store_id, area.history)
    return older is not None and older.whole_at is not None


def _count_rows(session: MirrorSession, area: Area, made_by: datetime) -> int:
    """Count the area's rows in the mirror that the store's count has too, and those of the store that can't be read."""
    query = sa.select(sa.func.count()).select_from(area.table)
    if area.counted is not None:
        query = query.where(area.counted(made_by))
    with reading(session.engine) as connection:
        missing = count_unread(connection, session.store_id, area.name, whole=True)
        rows = connection.scalar(query.where(area.table.c.store_id == session.store_id))
    return int(rows or 0) + missing


def _end_whole(session: MirrorSession, whole: Reading) -> None:
    where = (looks.c.store_id == session.store_id, looks.c.area == whole.area)
    with writing(session.engine) as connection:
        connection.execute(sa.update(looks).where(*where).values(whole_at=whole.began_at))
        forget_reading(connection, session.store_id, whole)


def _ask_after_unseen(session: MirrorSession, area: Area, *, seen_since: datetime) -> None:
    """Ask by id for rows that a reading of everything didn't show: they are gone, or too new for the search index."""
    query = (
        sa.select(area.key)
        .where(area.table.c.store_id == session.store_id, area.table.c.seen_at < seen_since)
        .limit(_MOST_ASKED_AFTER)
    )
    with reading(session.engine) as connection:
        unseen = [str(id_) for id_ in connection.scalars(query)]
    for id_ in unseen:
        item = FaultyItem(store_id=session.store_id, kind=ItemKind.ROW, name=f"{area.name} {id_}")
        boundary = contained(
            session.engine, item, stage=Stage.MIRROR, now=session.now, for_good=True, raised=(Refused,)
        )
        with boundary:
            sync_one(replace(session, now=seen_since), area, id_)


def mark_fresh(connection: Connection, store_id: int, area: Area, now: datetime) -> None:
    """Record that the area is up to date: just read, or unchanged since it was, as the store says."""
    if area.name in _FRESH_SINCE:
        fresh = {_FRESH_SINCE[area.name]: now}
        connection.execute(sa.update(stores).where(stores.c.id == store_id).values(fresh))
