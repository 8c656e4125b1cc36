"""What a run's page shows beside its frozen plan: its moments, what changed since an approval, and its e-mails."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RUN_BEGUN, RunState
from tillroll.campaign.timing.moments import Timing, timing
from tillroll.errors import Refused
from tillroll.ledger.plans import load_revision
from tillroll.ledger.tables import recipients
from tillroll.plan.since import Since, since_of_plan
from tillroll.send.preview import previews
from tillroll.web import here

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)


def since_of(connection: Connection, run: sa.Row[Any], plan: StoredPlan | None) -> Since | None:
    """What is different from the last plan that was approved, while somebody has to decide."""
    if plan is None or run.state != RunState.WAITING:
        return None
    return since_of_plan(connection, plan)


def timing_of(
    connection: Connection, run: sa.Row[Any], plan: StoredPlan | None, *, now: datetime
) -> Timing | None:
    """The moments of a run that has begun, or would begin now; None for one that never will."""
    if plan is None or run.state not in {*_NOT_BEGUN, *RUN_BEGUN}:
        return None
    begun = run.state in RUN_BEGUN
    return timing(
        load_revision(connection, plan.revision_id),
        zone=ZoneInfo(plan.proposal.timezone),
        begins=(run.valid_from or run.slot_at) if begun else now,
        messages=plan.proposal.audience.count,
        step=run.step,
    )


def mails_of(connection: Connection, run_id: int, *, customer_id: int | None = None) -> tuple[list[Any], str]:
    """The rendered e-mails, or that of one customer, or why there are none."""
    try:
        return previews(connection, run_id, now=here.now(), customer_id=customer_id), ""
    except Refused as fault:
        return [], fault.message


def recipient_by_email(connection: Connection, plan_id: int, email: str) -> int | None:
    """The customer of a plan's audience who has this address; None when nobody does."""
    theirs = sa.func.lower(recipients.c.email) == email.strip().lower()
    query = sa.select(recipients.c.customer_id).where(recipients.c.plan_id == plan_id, theirs)
    found: int | None = connection.scalar(query.order_by(recipients.c.customer_id))
    return found
