"""What we made in the store ourselves: where as much changed there as we made, there is nothing to read."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CODE_IN_STORE, ChunkState
from tillroll.ledger.tables import chunks, codes


def made_since(connection: Connection, store_id: int, since: datetime) -> int | None:
    """How many coupons we made in a store since then; None while some are on their way, since that can't be told."""
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
