"""The events of a store's CRM: those that wait, the batch that leaves, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import CRM_ERASURES, CrmEventState, CrmKind
from tillroll.campaign.states import CodeState
from tillroll.ledger.records.record import Record
from tillroll.ledger.tables import crm_events, crm_feeds

_MOST_COUNTED = 10_000


@dataclass(frozen=True, kw_only=True)
class CrmEvent(Record):
    """One change that a CRM is told of."""

    id: int
    kind: str  # a `CrmKind`, or `CRM_ERASURES`
    change: str  # like order.changed
    subject: str  # what has changed: an order's id, a code's number
    person: str  # whose events are told in order
    customer_id: int | None
    email: str
    facts: Mapping[str, Any]  # as columns hold them
    state: CrmEventState
    sequence: int | None  # none: not told yet
    event_key: str  # the id that the receiver gets
    body: str  # the JSON that the receiver gets
    batch: int | None
    rank: int  # 0: of the history
    attempts: int
    reason: str


def _of(store_id: int, state: CrmEventState) -> tuple[sa.ColumnElement[bool], ...]:
    return crm_events.c.store_id == store_id, crm_events.c.state == state


def leaving_events(connection: Connection, store_id: int) -> list[CrmEvent]:
    """Return the batch that leaves now, or that a process left behind while it was leaving."""
    query = sa.select(crm_events).where(*_of(store_id, CrmEventState.LEAVING)).order_by(crm_events.c.sequence)
    return [CrmEvent.from_row(row) for row in connection.execute(query)]


def waiting_events(
    connection: Connection, store_id: int, *, now: datetime, most: int, history_only: bool
) -> list[CrmEvent]:
    """Return the next events, without those of people for whom an earlier event rests. `history_only`: the history's alone."""
    waiting = _of(store_id, CrmEventState.WAITING)
    resting = sa.select(crm_events.c.person).where(*waiting, crm_events.c.not_before > now)
    query = (
        sa.select(crm_events)
        .where(*waiting, crm_events.c.person.not_in(resting))
        .order_by(crm_events.c.rank, crm_events.c.id)
        .limit(most)
    )
    if history_only:
        query = query.where(crm_events.c.rank == 0)
    return [CrmEvent.from_row(row) for row in connection.execute(query)]


def count_waiting_history(connection: Connection, store_id: int, *, most: int) -> int:
    """Return how many events of the history wait, at most `most`."""
    where = (*_of(store_id, CrmEventState.WAITING), crm_events.c.rank == 0)
    some = sa.select(crm_events.c.id).where(*where).limit(most).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def remove_events(connection: Connection, ids: Sequence[int]) -> None:
    """Remove some events."""
    connection.execute(sa.delete(crm_events).where(crm_events.c.id.in_(ids)))


def move_events(connection: Connection, ids: Sequence[int], *, to: CrmEventState, **values: Any) -> None:
    """Move some events to a state."""
    if ids:
        connection.execute(
            sa.update(crm_events).where(crm_events.c.id.in_(ids)).values({"state": to, **values})
        )


def tell_erasure(
    connection: Connection, store_id: int, customer_ids: Sequence[int], emails: Sequence[str]
) -> None:
    """Note that the CRM must be told of somebody's erasure, if the store has a feed. The events name them and nothing else."""
    if not connection.scalar(sa.select(sa.exists().where(crm_feeds.c.store_id == store_id))):
        return
    for customer_id in customer_ids or (None,):
        row = {
            "store_id": store_id,
            "kind": CRM_ERASURES,
            "change": "customer.erased",
            "subject": str(customer_id or ""),
            "person": str(customer_id) if customer_id is not None else f"erased {emails[0]}",
            "customer_id": customer_id,
            "facts": {"emails": list(emails)},
            "rank": 0,
        }
        connection.execute(sa.insert(crm_events).values(row))


def remove_old(connection: Connection, store_id: int, *, before: datetime, most: int) -> int:
    """Remove the oldest of the sent events that were taken before a moment. Returns how many."""
    sent = _of(store_id, CrmEventState.SENT)
    oldest = (
        sa.select(crm_events.c.id, crm_events.c.settled_at)
        .where(*sent)
        .order_by(crm_events.c.rank, crm_events.c.id)
        .limit(most)
        .subquery()
    )
    some = sa.select(oldest.c.id).where(oldest.c.settled_at < before)
    return connection.execute(sa.delete(crm_events).where(crm_events.c.id.in_(some))).rowcount


@dataclass(frozen=True, kw_only=True)
class EventCounts:
    """How many events are in which state; each is counted up to a bound, so that it costs little."""

    waiting: int
    set_aside: int
    bound: int = _MOST_COUNTED


def count_events(connection: Connection, store_id: int) -> EventCounts:
    """Return how many events of a store wait, and how many were set aside."""

    def count(*states: CrmEventState) -> int:
        found = 0
        for state in states:
            some = sa.select(crm_events.c.id).where(*_of(store_id, state)).limit(_MOST_COUNTED).subquery()
            found += connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
        return min(found, _MOST_COUNTED)

    return EventCounts(
        waiting=count(CrmEventState.WAITING, CrmEventState.LEAVING), set_aside=count(CrmEventState.SET_ASIDE)
    )


def set_aside_events(connection: Connection, store_id: int, *, most: int) -> list[CrmEvent]:
    """Return the events that the receiver refused for good, the oldest first."""
    query = sa.select(crm_events).where(*_of(store_id, CrmEventState.SET_ASIDE)).order_by(crm_events.c.id)
    return [CrmEvent.from_row(row) for row in connection.execute(query.limit(most))]


def launches_among(connection: Connection, store_id: int, events: Sequence[CrmEvent]) -> frozenset[int]:
    """Return the ids of events that switched on a code for the first time, which was made ahead and switched off."""
    resumed = [event for event in events if event.change == "code.resumed"]
    if not resumed:
        return frozenset()
    number = crm_events.c.subject  # of the code
    query = (
        sa.select(crm_events.c.id, number.label("code"), crm_events.c.change, crm_events.c.facts)
        .where(
            crm_events.c.store_id == store_id,
            crm_events.c.kind == CrmKind.CODES,
            number.in_({event.subject for event in resumed}),
            crm_events.c.change.in_(("code.issued", "code.resumed")),
        )
        .order_by(crm_events.c.id)
    )
    before: dict[str, bool] = {}  # whether the last of these events left the code switched off
    launches: set[int] = set()
    for row in connection.execute(query):
        if row.change == "code.resumed" and before.get(row.code, False):
            launches.add(row.id)
        before[row.code] = row.change == "code.issued" and row.facts["state"] == CodeState.PAUSED
    return frozenset(launches)
