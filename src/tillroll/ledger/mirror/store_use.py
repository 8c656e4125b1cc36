"""Recording what the store says of the uses of codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import WORKS_AGAIN, RunState, StoreUse
from tillroll.ledger.tables import codes, plans, recipients, runs


def record_store_use(
    connection: Connection, code_ids: Sequence[int], use: StoreUse, *, now: datetime
) -> None:
    """Record what the store says of some codes. Runs whose e-mails show one that works again look for due reminders anew."""
    connection.execute(sa.update(codes).where(codes.c.id.in_(code_ids)).values(store_use=use))
    if use in WORKS_AGAIN:
        waiting = (_may_show(code_ids), runs.c.state == RunState.TRACKING, runs.c.not_before > now)
        connection.execute(sa.update(runs).where(*waiting).values(not_before=now))


def _may_show(code_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """Return the condition that a run's e-mails may show one of these codes: found without reading the e-mails.

    The code of one recipient is shown by the run that wrote to them, and by the other steps of their flow; a code for all, by the
    runs of its campaign.
    """
    others, made = runs.alias(), runs.alias()
    of_recipients = (
        sa.select(plans.c.run_id)
        .join(recipients, recipients.c.plan_id == plans.c.id)
        .join(codes, codes.c.recipient_id == recipients.c.id)
        .where(codes.c.id.in_(code_ids))
    )
    of_flows = sa.select(others.c.entry_id).where(others.c.id.in_(of_recipients))
    of_all = sa.and_(
        made.c.store_id == runs.c.store_id,
        made.c.campaign == runs.c.campaign,
        made.c.id == codes.c.run_id,
        codes.c.id.in_(code_ids),
        codes.c.recipient_id.is_(None),
    )
    return sa.or_(runs.c.id.in_(of_recipients), runs.c.entry_id.in_(of_flows), sa.exists().where(of_all))
