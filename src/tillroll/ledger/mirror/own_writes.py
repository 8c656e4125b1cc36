"""Coupons that we created ourselves: a sync can skip them when nothing else has changed in the store."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CODE_IN_STORE, ChunkState
from tillroll.ledger.tables import chunks, codes
from tillroll.ledger.tables.types import UtcDateTime

_NONE = timedelta(microseconds=1)


def count_made_since(connection: Connection, store_id: int, since: datetime) -> int | None:
    """Return how many coupons we created since a moment; None while requests are out, since the number is not known then."""
    of_store = codes.c.store_id == store_id
    out = sa.or_(
        chunks.c.state.in_((ChunkState.POSTING, ChunkState.POSTED)),
        sa.and_(chunks.c.state == ChunkState.LOST, chunks.c.poll_at.is_not(None)),
    )
    if (
        connection.scalar(sa.select(chunks.c.id).where(chunks.c.store_id == store_id, out).limit(1))
        is not None
    ):
        return None
    made = (of_store, codes.c.state.in_(sorted(CODE_IN_STORE)), codes.c.changed_at >= since)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(codes).where(*made)) or 0)


def making_since(connection: Connection, store_id: int, since: datetime) -> tuple[datetime, datetime]:
    """Return from when to when we created coupons since a moment; the end is before the start if we did not."""
    of_store = (chunks.c.store_id == store_id, chunks.c.changed_at >= since)
    first, last = (
        sa.func.min(chunks.c.created_at, type_=UtcDateTime()),
        sa.func.max(chunks.c.changed_at, type_=UtcDateTime()),
    )
    start, end = connection.execute(sa.select(first, last).where(*of_store)).one()
    return (start, end) if start is not None else (since, since - _NONE)
