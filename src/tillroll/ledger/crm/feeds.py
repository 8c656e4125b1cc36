"""The feeds of a store: which kinds of changes are recorded for its CRM, and how far the push has come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import CRM_ERASURES, CrmKind
from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.records.record import Record
from tillroll.ledger.tables import crm_events, crm_feeds, crm_pushes


@dataclass(frozen=True, kw_only=True)
class CrmFeed(Record):
    """One kind of change that is recorded for a store's CRM."""

    store_id: int
    kind: CrmKind
    opened_in: int  # the transaction that opened it
    history_after: str  # the last row from before the feed began that has its event
    history_done: bool
    expired_to: datetime | None  # codes that expired up to here have their event
    place: dict[str, Any] | None  # within the codes that expired since


@dataclass(frozen=True, kw_only=True)
class PushState(Record):
    """How far the push of a store has come, and what is in its way."""

    store_id: int
    last_sequence: int = 0  # of the last event that was told
    last_batch: int = 0
    target: str = ""  # where the last batch went
    trouble: str = ""  # why nothing is taken; empty: all is well
    trouble_since: datetime | None = None
    not_before: datetime | None = None  # the next try
    attempts: int = 0  # in vain, in a row
    refusals: int = 0  # events refused one after another, with none taken between
    most: int = 0  # events in a batch, while the receiver refuses larger ones; 0: as the rules say
    taken_at: datetime | None = None  # when a batch was last taken
    absent_since: datetime | None = None  # since when no file says where to


def list_feeds(connection: Connection, store_id: int) -> list[CrmFeed]:
    """Return the feeds of a store, in the order in which their history is told."""
    query = sa.select(crm_feeds).where(crm_feeds.c.store_id == store_id)
    found = [CrmFeed.from_row(row) for row in connection.execute(query)]
    return sorted(found, key=lambda feed: list(CrmKind).index(feed.kind))


def load_push(connection: Connection, store_id: int) -> PushState:
    """Return the state of a store's push; that of one that has not begun is all empty."""
    row = connection.execute(sa.select(crm_pushes).where(crm_pushes.c.store_id == store_id)).one_or_none()
    return PushState.from_row(row) if row is not None else PushState(store_id=store_id)


def change_push(connection: Connection, store_id: int, **values: Any) -> None:
    """Change the state of a store's push."""
    insert_if_new(connection, crm_pushes, {"store_id": store_id})
    connection.execute(sa.update(crm_pushes).where(crm_pushes.c.store_id == store_id).values(values))


def open_feeds(
    connection: Connection, store_id: int, kinds: Collection[CrmKind], *, with_history: bool, now: datetime
) -> None:
    """Record these kinds of changes from now on. What is open already goes on as it was."""
    opened_in = 0
    if connection.dialect.name == "postgresql":
        opened_in = connection.scalar(sa.text("select pg_current_xact_id()::text::bigint"))
    for kind in kinds:
        row = {
            "store_id": store_id,
            "kind": kind,
            "opened_in": opened_in,
            "history_done": not with_history,
            "expired_to": now if kind is CrmKind.CODES else None,
        }
        insert_if_new(connection, crm_feeds, row)


def may_read_history(connection: Connection, feed: CrmFeed) -> bool:
    """Return whether the transactions that began before the feed have ended: they may still change rows without an event."""
    if connection.dialect.name != "postgresql":
        return True  # one writer at a time
    oldest = connection.scalar(sa.text("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
    return bool(oldest > feed.opened_in)


def change_feed(connection: Connection, feed: CrmFeed, **values: Any) -> None:
    """Record how far a feed has come."""
    same = (crm_feeds.c.store_id == feed.store_id, crm_feeds.c.kind == feed.kind)
    connection.execute(sa.update(crm_feeds).where(*same).values(values))


def close_feeds(connection: Connection, store_id: int, kinds: Collection[CrmKind]) -> None:
    """Record these kinds of changes no longer. Their events are removed by `remove_orphans`."""
    where = (crm_feeds.c.store_id == store_id, crm_feeds.c.kind.in_(sorted(kinds)))
    connection.execute(sa.delete(crm_feeds).where(*where))


def _orphans(store_id: int, open_kinds: Collection[CrmKind]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of events of kinds that have no feed; erasures stay while there is any feed."""
    kept = [*open_kinds, *([CRM_ERASURES] if open_kinds else [])]
    lost = [kind for kind in (*CrmKind, CRM_ERASURES) if kind not in kept]
    return crm_events.c.store_id == store_id, crm_events.c.kind.in_(lost)


def find_orphan(connection: Connection, store_id: int, open_kinds: Collection[CrmKind]) -> bool:
    """Return whether there are events of kinds that have no feed."""
    return connection.scalar(sa.select(sa.exists().where(*_orphans(store_id, open_kinds)))) is True


def remove_orphans(
    connection: Connection, store_id: int, open_kinds: Collection[CrmKind], *, most: int
) -> int:
    """Remove some events of kinds that have no feed. Returns how many were removed."""
    some = sa.select(crm_events.c.id).where(*_orphans(store_id, open_kinds)).limit(most)
    return connection.execute(sa.delete(crm_events).where(crm_events.c.id.in_(some))).rowcount


def has_any_row(connection: Connection, store_id: int) -> bool:
    """Return whether a store has a feed, or events of one that was closed."""
    feeds = sa.exists().where(crm_feeds.c.store_id == store_id)
    events = sa.exists().where(crm_events.c.store_id == store_id)
    return connection.scalar(sa.select(sa.or_(feeds, events))) is True
