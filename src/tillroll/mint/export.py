"""A run's codes in clear, for those who may see them. The reveal is a row of the audit chain before the first code shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.ledger import audit
from tillroll.ledger.engine import reading, streaming, writing
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import codes, recipients

COLUMNS = ("code", "state", "coupon_id", "email", "customer_id", "reason")


def reveal(engine: Engine, *, run_id: int, person: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Every code of a run with its recipient and state, in the order they were reserved."""
    with writing(engine) as connection:
        load_run(connection, run_id)
        audit.record(
            connection,
            at=now,
            actor=person,
            action="codes.revealed",
            subject=f"run {run_id}",
            body={"to": "export"},
        )
    query = (
        sa.select(codes, recipients.c.email, recipients.c.customer_id)
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(codes.c.run_id == run_id)
        .order_by(codes.c.id)
    )
    with reading(engine) as connection, streaming(connection, query) as rows:
        for row in rows:
            yield {name: getattr(row, name) for name in COLUMNS}
