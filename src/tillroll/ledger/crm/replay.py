"""Events that are told again because a person says so: those since a moment, those that were set aside, or everything."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import CRM_ERASURES, CrmEventState
from tillroll.ledger.crm.feeds import change_push, close_feeds, list_feeds, open_feeds
from tillroll.ledger.tables import crm_events

_AGAIN = {
    "state": CrmEventState.WAITING,
    "batch": None,
    "attempts": 0,
    "not_before": None,
    "reason": "",
    "settled_at": None,
}


def tell_again_since(connection: Connection, store_id: int, since: datetime) -> int:
    """Tell again what was taken at or after a moment, with the same ids and in the same order. Returns how many events."""
    taken = (crm_events.c.state == CrmEventState.SENT, crm_events.c.settled_at >= since)
    again = sa.update(crm_events).where(crm_events.c.store_id == store_id, *taken).values(_AGAIN)
    return connection.execute(again).rowcount


def tell_set_aside(connection: Connection, store_id: int) -> int:
    """Tell again what the receiver refused for good. Returns how many events."""
    aside = crm_events.c.state == CrmEventState.SET_ASIDE
    again = sa.update(crm_events).where(crm_events.c.store_id == store_id, aside).values(_AGAIN)
    return connection.execute(again).rowcount


def remove_told(connection: Connection, store_id: int, *, most: int) -> int:
    """Remove some events before all is told anew. Erasures that wait stay. Returns how many were removed."""
    some = sa.select(crm_events.c.id).where(
        crm_events.c.store_id == store_id, crm_events.c.kind != CRM_ERASURES
    )
    gone = sa.delete(crm_events).where(crm_events.c.id.in_(some.limit(most)))
    return connection.execute(gone).rowcount


def begin_anew(connection: Connection, store_id: int, now: datetime) -> None:
    """Tell the whole history again, then what changes from now on. Remove the events first (`remove_told`)."""
    kinds = [feed.kind for feed in list_feeds(connection, store_id)]
    close_feeds(connection, store_id, kinds)
    open_feeds(connection, store_id, kinds, with_history=True, now=now)


def end_pause(connection: Connection, store_id: int) -> None:
    """Try the receiver at once, whatever it said before."""
    change_push(connection, store_id, not_before=None)
    rests = (crm_events.c.store_id == store_id, crm_events.c.not_before.is_not(None))
    connection.execute(sa.update(crm_events).where(*rests).values(not_before=None))
