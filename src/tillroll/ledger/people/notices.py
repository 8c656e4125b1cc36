"""Notices to people of the shop as rows: kept at most once each, claimed before they leave, and settled by compare-and-set.

The holder of the store's lock is the only one that sends them: rows found half-way were left by a process that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageState, NoticeKind
from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.records import StoredNotice
from tillroll.ledger.tables import notices

HOOK = ""
"""The address that stands for NOTICE_URL."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a notice says, without what every notice says."""

    kind: NoticeKind
    topic: str  # what it is about: nobody is told of the same twice
    subject: str
    paragraphs: Sequence[str]  # plain text; an empty one is left out
    run_id: int | None = None
    shown: Mapping[str, Any] | None = None  # what a report shows, as plain data


def keep(
    connection: Connection, store_id: int, notice: Notice, addresses: Collection[str], now: datetime
) -> int:
    """Note whom to tell of something, in the caller's transaction. Returns how many weren't told of it before."""
    row = {
        "store_id": store_id,
        "run_id": notice.run_id,
        "kind": notice.kind,
        "topic": notice.topic,
        "subject": notice.subject,
        "paragraphs": [paragraph for paragraph in notice.paragraphs if paragraph],
        "shown": notice.shown,
        "state": MessageState.READY,
        "made_at": now,
    }
    return sum(
        insert_if_new(connection, notices, {**row, "address": address}) for address in sorted(set(addresses))
    )


def kept_topics(
    connection: Connection, store_id: int, run_ids: Collection[int]
) -> frozenset[tuple[str, str]]:
    """Return what somebody was told of some runs: kinds and topics."""
    of_runs = (notices.c.store_id == store_id, notices.c.run_id.in_(run_ids))
    rows = connection.execute(sa.select(notices.c.kind, notices.c.topic).where(*of_runs).distinct())
    return frozenset((row.kind, row.topic) for row in rows)


def is_kept(connection: Connection, store_id: int, kind: NoticeKind, topic: str) -> bool:
    """Return whether anybody is told of something."""
    same = (notices.c.store_id == store_id, notices.c.kind == kind, notices.c.topic == topic)
    return bool(connection.scalar(sa.select(sa.exists().where(*same))))


def told_addresses(connection: Connection, store_id: int, kind: NoticeKind, topic: str) -> frozenset[str]:
    """Return the addresses that are told of something."""
    same = (notices.c.store_id == store_id, notices.c.kind == kind, notices.c.topic == topic)
    return frozenset(connection.scalars(sa.select(notices.c.address).where(*same)))


def ready_notices(
    connection: Connection, store_id: int, now: datetime, *, by_hook: bool, most: int
) -> list[StoredNotice]:
    """Return the notices that are due, the oldest first: those to addresses, or those to NOTICE_URL."""
    due = sa.or_(notices.c.not_before.is_(None), notices.c.not_before <= now)
    way = notices.c.address == HOOK if by_hook else notices.c.address != HOOK
    where = (notices.c.store_id == store_id, notices.c.state == MessageState.READY, way, due)
    query = sa.select(notices).where(*where).order_by(notices.c.id).limit(most)
    return [StoredNotice.from_row(row) for row in connection.execute(query)]


def interrupted_notices(connection: Connection, store_id: int) -> list[StoredNotice]:
    """Return the notices that a process had claimed which is gone."""
    where = (notices.c.store_id == store_id, notices.c.state == MessageState.SENDING)
    return [StoredNotice.from_row(row) for row in connection.execute(sa.select(notices).where(*where))]


def count_waiting(connection: Connection, store_id: int) -> int:
    """Count the notices to addresses that have not left yet."""
    waiting = (
        notices.c.store_id == store_id,
        notices.c.state.in_((MessageState.READY, MessageState.SENDING)),
        notices.c.address != HOOK,
    )
    return int(connection.scalar(sa.select(sa.func.count()).select_from(notices).where(*waiting)) or 0)


def claim_notices(connection: Connection, ids: Collection[int], *, key: str, now: datetime) -> bool:
    """Claim notices that leave together. Returns whether all of them were ready still; otherwise none is claimed."""
    ready = sa.select(sa.func.count()).where(notices.c.id.in_(ids), notices.c.state == MessageState.READY)
    if connection.scalar(ready) != len(ids):
        return False
    values = {
        "state": MessageState.SENDING,
        "message_key": key,
        "attempts": notices.c.attempts + 1,
        "claimed_at": now,
        "leaving_at": None,
        "not_before": None,
    }
    connection.execute(sa.update(notices).where(notices.c.id.in_(ids)).values(values))
    return True


def mark_leaving(
    connection: Connection, ids: Collection[int], *, claimed_at: datetime, now: datetime
) -> bool:
    """Note that claimed notices are about to leave. Returns whether the claim still holds for all of them."""
    ours = (
        notices.c.id.in_(ids),
        notices.c.state == MessageState.SENDING,
        notices.c.claimed_at == claimed_at,
    )
    return connection.execute(sa.update(notices).where(*ours).values(leaving_at=now)).rowcount == len(ids)


def settle_notices(
    connection: Connection,
    ids: Collection[int],
    *,
    was: MessageState,
    to: MessageState,
    now: datetime,
    reason: str = "",
    **also: Any,
) -> bool:
    """Write the next state of notices that are still in the state they were seen in. Returns whether all were."""
    values = {"state": to, "reason": reason, "settled_at": now, "leaving_at": None, **also}
    seen = (notices.c.id.in_(ids), notices.c.state == was)
    return connection.execute(sa.update(notices).where(*seen).values(values)).rowcount == len(ids)
