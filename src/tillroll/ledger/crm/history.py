"""Events of what the ledger knew before a feed began, a piece at a time: by the same expressions as the triggers' events.

What has changed since then has an event of its own, and is left out here.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import CrmEventState, CrmKind
from tillroll.ledger.captures.changes import CAPTURES, Capture
from tillroll.ledger.captures.triggers import EVENT_COLUMNS, event_query
from tillroll.ledger.crm.feeds import CrmFeed, change_feed, may_read_history

_ROWS = 500  # of a key within the store
_NUMBERS = 2_000  # a stretch of rows' numbers: other stores' are among them

_SOURCES = {
    CrmKind.ORDERS: ("orders_insert",),
    CrmKind.CODES: ("codes_insert", "uses_insert"),
    CrmKind.REDEMPTIONS: ("redemptions_insert",),
    CrmKind.TIERS: ("tiers_insert",),
    CrmKind.CONSENT: ("consents_insert",),
}
_CAPTURES = {capture.name: capture for capture in CAPTURES}


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """Rows of a source by their keys: after one, up to another."""

    capture: Capture
    key: str
    after: str | int
    to: str | int


def add_history_piece(connection: Connection, feed: CrmFeed) -> None:
    """Add the next events of a feed's history, and record how far it has come. Nothing happens while it has to wait."""
    if feed.history_done or not may_read_history(connection, feed):
        return
    index, _, after = feed.history_after.partition(":")
    sources = _SOURCES.get(feed.kind, ())
    place = int(index or 0)
    if place >= len(sources):
        change_feed(connection, feed, history_done=True, history_after="")
        return
    stretch = _next_stretch(connection, feed.store_id, _CAPTURES[sources[place]], after)
    if stretch is None:
        change_feed(connection, feed, history_after=f"{place + 1}:")
        return
    connection.execute(
        sa.text(_insert(connection, stretch)),
        {"store_id": feed.store_id, "after": stretch.after, "upto": stretch.to},
    )
    change_feed(connection, feed, history_after=f"{place}:{stretch.to}")


def _next_stretch(connection: Connection, store_id: int, capture: Capture, after: str) -> _Stretch | None:
    """Return the next rows to look at; None: there are no more."""
    table = capture.of
    if "id" not in table.c:  # its key is the store and something of the store's
        column = list(table.primary_key.columns)[1]
        last_key: str | int = int(after or 0) if isinstance(column.type, sa.Integer) else after
        some = sa.select(column).where(table.c.store_id == store_id, column > last_key)
        some = some.order_by(column).limit(_ROWS)
        last = connection.scalar(sa.select(sa.func.max(some.subquery().c[column.name])))
        return None if last is None else _Stretch(capture=capture, key=column.name, after=last_key, to=last)
    first = connection.scalar(
        sa.select(table.c.id).where(table.c.id > int(after or 0)).order_by(table.c.id).limit(1)
    )
    return (
        None if first is None else _Stretch(capture=capture, key="id", after=first - 1, to=first + _NUMBERS)
    )


def _insert(connection: Connection, stretch: _Stretch) -> str:
    """Return the statement that adds a stretch's events. All that has changed meanwhile waits behind the history.

    What waits is read once, by its index: PostgreSQL has no statistics yet, and would look through all events for each row.
    """
    capture, key = stretch.capture, stretch.key
    told = (
        "select e.subject, e.change from crm_events as e where e.store_id = :store_id"  # noqa: S608
        f" and e.state = '{CrmEventState.WAITING}' and e.rank = 1 and e.kind = '{capture.kind}'"
    )
    new = f"({capture.subject.format(n='n')}, ({capture.change.format(n='n')})) not in ({told})"
    query = event_query(
        capture,
        connection.dialect.name,
        new="n",
        old="n",
        rows=f"from {capture.of.name} as n",
        where=f"n.store_id = :store_id and n.{key} > :after and n.{key} <= :upto and {new}",
    )
    return (
        f"insert into crm_events ({EVENT_COLUMNS}, rank) select q.*, 0 from ({query} order by n.{key}) as q"  # noqa: S608
    )
