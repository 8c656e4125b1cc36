"""Recording what the store says of the uses of codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import WORKS_AGAIN, RunState, StoreUse
from tillroll.ledger.tables import codes, messages, runs


def record_store_use(
    connection: Connection, code_ids: Sequence[int], use: StoreUse, *, now: datetime
) -> None:
    """Record what the store says of some codes. Runs whose e-mails show one that works again look for due reminders anew."""
    connection.execute(sa.update(codes).where(codes.c.id.in_(code_ids)).values(store_use=use))
    if use in WORKS_AGAIN:
        shown = sa.select(messages.c.run_id).where(messages.c.code_id.in_(code_ids))
        waiting = (runs.c.id.in_(shown), runs.c.state == RunState.TRACKING, runs.c.not_before > now)
        connection.execute(sa.update(runs).where(*waiting).values(not_before=now))
