"""What stages ask of codes that other runs made: when they work, and which one an earlier step of a flow gave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import codes, messages, runs
from tillroll.ledger.types import Moment


def works_from(made_by: sa.FromClause = runs) -> sa.ColumnElement[datetime]:
    """From when a code works, over `codes` joined with the run that made it."""
    return sa.func.coalesce(codes.c.valid_from, made_by.c.valid_from, type_=Moment())


def works_until(made_by: sa.FromClause = runs) -> sa.ColumnElement[datetime]:
    """Until when a code works, over `codes` joined with the run that made it."""
    return sa.func.coalesce(codes.c.valid_until, made_by.c.valid_until, type_=Moment())


def earlier_code(connection: Connection, run: sa.Row[Any]) -> sa.Row[Any] | None:
    """The code that the latest earlier step of the run's entry showed its customer; None when none did.

    With its id, state, arm and own value, the run that made it (`run_id`, `step`), and when it works.
    """
    if run.entry_id is None:
        return None
    giver = runs.alias("giver")
    query = (
        sa.select(codes.c.id, codes.c.state, codes.c.arm, codes.c.value, codes.c.run_id)
        .add_columns(runs.c.step, works_from().label("valid_from"), works_until().label("valid_until"))
        .select_from(messages)
        .join(giver, giver.c.id == messages.c.run_id)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(giver.c.entry_id == run.entry_id, giver.c.step < run.step)
        .order_by(giver.c.step.desc(), messages.c.id.desc())
    )
    return connection.execute(query).first()
