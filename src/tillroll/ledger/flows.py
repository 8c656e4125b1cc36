"""What the steps of one flow tell each other through the ledger."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import codes, messages, runs


def earlier_code(connection: Connection, run: sa.Row[Any]) -> sa.Row[Any] | None:
    """The code that the latest earlier step of the run's entry showed its customer; None when none did.

    With its id, state and arm, the run that made it (`run_id`, `step`), and when it works.
    """
    if run.entry_id is None:
        return None
    giver = runs.alias("giver")
    query = (
        sa.select(codes.c.id, codes.c.state, codes.c.arm, codes.c.run_id)
        .add_columns(runs.c.step, runs.c.valid_from, runs.c.valid_until)
        .select_from(messages)
        .join(giver, giver.c.id == messages.c.run_id)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(giver.c.entry_id == run.entry_id, giver.c.step < run.step)
        .order_by(giver.c.step.desc(), messages.c.id.desc())
    )
    return connection.execute(query).first()
