"""Acting on webhooks: what a stored event names is read again from the REST API, and the event is marked as handled.

Webhooks only make things faster: the mirror's own looks find whatever they missed (`mirror/follow.py`). News of coupons is nearly
always of our own doing, and the ledger knows it: nothing is read because of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ecwid.http.errors import StoreRefusal
from tillroll.errors import Refused, ScopeMissing, TillrollError
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import Outcome, contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import StoredEvent
from tillroll.ledger.tables import events
from tillroll.track.mirror.areas import CARTS, ORDERS, Area
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import settle_uses, sync, sync_one, sync_profile
from tillroll.track.webhooks.kinds import AREA_OF, OUR_OWN, PRIVACY, REREAD, area_name, is_known
from tillroll.track.webhooks.privacy import note_requests

log = structlog.get_logger("tillroll.track")

_ID_IN_DATA = {ORDERS.name: "orderId", CARTS.name: "cartId"}  # the event's entity is another id there
_MOST_BY_ID = 25  # if an area has more to read, one look at what changed reads them all
_LONGEST_ID = 18  # digits; anything longer is no id of the store and doesn't fit the ledger's column
_MOST_EVENTS = 2_000  # handled in one look
_PIECE = 500
_KEPT_FOR = timedelta(days=30)


def handle_events(session: MirrorSession) -> int:
    """Read again what the waiting events name. Returns how many events are handled."""
    handled = 0
    by_area: dict[str, list[StoredEvent]] = defaultdict(list)
    for event in _waiting_events(session):
        by_area[area_name(event.kind)].append(event)
    for name, of_area in by_area.items():
        with _one(session, f"all of {name[:50]}") as outcome:
            handled += _handle(session, name, of_area)
        if outcome.fault is not None and not outcome.is_tried_again:
            _mark_handled(session, of_area, f"not read: fault {outcome.fault.reference}")
    if handled:
        log.info("events.handled", store=session.client.connection.store_id, events=handled)
    _forget_old_events(session.engine, session.store_id, session.now)
    return handled


@contextmanager
def _one(session: MirrorSession, name: str) -> Iterator[Outcome]:
    """Act on one event, or one kind of them: a fault costs the others nothing. What the store refuses is raised."""
    item = FaultyItem(store_id=session.store_id, kind=ItemKind.EVENT, name=name)
    boundary = contained(session.engine, item, stage=Stage.WEBHOOKS, now=session.now, raised=(Refused,))
    with boundary as outcome:
        yield outcome


def _handle(session: MirrorSession, name: str, of_area: Sequence[StoredEvent]) -> int:
    """Act on the events of one kind. Returns how many are handled."""
    if name in AREA_OF:
        return _read_area(session, AREA_OF[name], of_area)
    outcome = "kept"
    if name in PRIVACY:
        note_requests(session.engine, of_area, now=session.now)
        outcome = "kept as a request"
        log.warning("events.privacy_request", store=session.client.connection.store_id, kind=name)
    elif name in REREAD and any(event.kind not in OUR_OWN for event in of_area):
        # the notice of an uninstall isn't trusted either: if it is true, this call is refused
        sync_profile(session.engine, session.client, store_id=session.store_id, now=session.now)
        outcome = "read"
    elif not is_known(name):
        log.info("events.unknown", store=session.client.connection.store_id, events=len(of_area))
    _mark_handled(session, of_area, outcome)
    return len(of_area)


def _waiting_events(session: MirrorSession) -> list[StoredEvent]:
    where = (events.c.store_id == session.store_id, events.c.handled_at.is_(None))
    query = sa.select(events).where(*where).order_by(events.c.id).limit(_MOST_EVENTS)
    with reading(session.engine) as connection:
        return [StoredEvent.from_row(row) for row in connection.execute(query)]


def _read_area(session: MirrorSession, area: Area, waiting: Sequence[StoredEvent]) -> int:
    """Read what the events name. Returns how many events are handled.

    Events whose objects can't be read are handled too, with the reason: they must not block the worker for ever.
    """
    try:
        read = _read_named(session, area, waiting)
    except StoreRefusal as refusal:
        _mark_unread(session, area, waiting, refusal)
        return len(waiting)
    except ScopeMissing as missing:
        if area.needed:
            raise
        _mark_unread(session, area, waiting, missing)
        return len(waiting)
    if area is ORDERS:
        settle_uses(session, seen_since=session.now)
    _mark_handled(session, read, "read")
    return len(read)


def _read_named(session: MirrorSession, area: Area, waiting: Sequence[StoredEvent]) -> list[StoredEvent]:
    """Read what the events name. Returns the events that the mirror has caught up with.

    Many are read by one look at what changed. If that takes several slices, some are read by their id meanwhile: an event of one
    customer needn't wait until all customers are read.
    """
    ids = {id_ for event in waiting if (id_ := _id_of(area, event))}
    some_unnamed = any(not _id_of(area, event) for event in waiting)
    if some_unnamed or len(ids) > _MOST_BY_ID:
        synced = sync(session, area)
        if synced.fresh:
            return [event for event in waiting if synced.since is None or event.received_at <= synced.since]
    read = []
    for id_ in sorted(ids)[:_MOST_BY_ID]:
        named = [event for event in waiting if _id_of(area, event) == id_]
        try:
            with _one(session, f"{area.name} {id_}") as outcome:
                sync_one(session, area, id_)
        except StoreRefusal as refusal:
            _mark_unread(session, area, named, refusal)
            continue
        if outcome.fault is None:
            read += named
        elif not outcome.is_tried_again:
            _mark_handled(session, named, f"not read: fault {outcome.fault.reference}")
    return read


def _id_of(area: Area, event: StoredEvent) -> str:
    """Return the id to read; empty when the event doesn't name one that the API takes."""
    name = _ID_IN_DATA.get(area.name)
    id_ = str(event.data.get(name, "") if name else event.entity)
    is_number = not isinstance(area.key.type, sa.Text)
    return id_ if not is_number or (id_.isascii() and id_.isdigit() and len(id_) <= _LONGEST_ID) else ""


def _mark_unread(
    session: MirrorSession, area: Area, waiting: Sequence[StoredEvent], fault: TillrollError
) -> None:
    log.warning("events.unread", area=area.name, events=len(waiting), reason=fault.message)
    _mark_handled(session, waiting, f"not read: {fault.message}")


def _mark_handled(session: MirrorSession, handled: Sequence[StoredEvent], outcome: str) -> None:
    for piece in batched(handled, _PIECE):
        where = (events.c.id.in_([event.id for event in piece]), events.c.handled_at.is_(None))
        values = {"handled_at": session.now, "outcome": outcome}
        with writing(session.engine) as connection:
            connection.execute(sa.update(events).where(*where).values(values))


def _forget_old_events(engine: Engine, store_id: int, now: datetime) -> None:
    """Delete events that are too old to be delivered again."""
    where = (events.c.store_id == store_id, events.c.handled_at < now - _KEPT_FOR)
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*where))):
            return
    with writing(engine) as connection:
        connection.execute(sa.delete(events).where(*where))
