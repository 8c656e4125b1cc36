"""Codes that other runs made: their period, and the one that an earlier step of a flow gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState
from tillroll.ledger.records import Record, Run
from tillroll.ledger.tables import codes, messages, runs
from tillroll.ledger.tables.types import UtcDateTime


def works_from(made_by: sa.FromClause = runs) -> sa.ColumnElement[datetime]:
    """Return the start of a code's period, as an expression over `codes` joined with the run that made it."""
    return sa.func.coalesce(codes.c.valid_from, made_by.c.valid_from, type_=UtcDateTime())


def works_until(made_by: sa.FromClause = runs) -> sa.ColumnElement[datetime]:
    """Return the end of a code's period, as an expression over `codes` joined with the run that made it."""
    return sa.func.coalesce(codes.c.valid_until, made_by.c.valid_until, type_=UtcDateTime())


@dataclass(frozen=True, kw_only=True)
class GivenCode(Record):
    """A code that an earlier step of a flow showed its customer."""

    id: int
    state: CodeState
    arm: str
    value: Decimal | None  # its own value of the discount; None: the offer's
    run_id: int  # the run that made it
    step: int  # of that run
    valid_from: datetime | None
    valid_until: datetime | None


def earlier_code(connection: Connection, run: Run) -> GivenCode | None:
    """Return the code that the latest earlier step of the run's entry showed its customer, or None."""
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
    row = connection.execute(query).first()
    return GivenCode.from_row(row) if row is not None else None
