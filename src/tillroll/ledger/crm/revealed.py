"""Codes that a CRM is told of were seen outside Tillroll: they are never given to anybody else afterwards."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger import audit
from tillroll.ledger.tables import codes, runs


def note_told(connection: Connection, code_ids: Collection[int], now: datetime) -> None:
    """Record that the runs of these codes had codes shown in clear, in the transaction before the codes leave.

    The first time is a row of the audit chain.
    """
    if not code_ids:
        return
    made_by = sa.select(codes.c.run_id).where(codes.c.id.in_(code_ids))
    unseen = sa.select(runs.c.id).where(runs.c.id.in_(made_by), runs.c.revealed_at.is_(None))
    for run_id in list(connection.scalars(unseen.order_by(runs.c.id))):
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(revealed_at=now))
        audit.record(
            connection,
            at=now,
            actor="loop",
            action="codes.revealed",
            subject=f"run {run_id}",
            body={"to": "crm"},
        )
