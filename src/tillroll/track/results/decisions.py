"""Plans that wait for a decision, and the decisions made so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import Proposal
from tillroll.ledger.records import PlanDecision
from tillroll.ledger.tables import approvals, plans, runs

log = structlog.get_logger("tillroll.track")


@dataclass(frozen=True, kw_only=True)
class AwaitingPlan:
    """The plan in force of a run that waits for approval."""

    run_id: int
    proposal: Proposal
    made_at: datetime
    expires_at: datetime
    approvals: int  # of this plan so far
    reason: str  # why it waits again, if an earlier plan of the run had been approved


def awaiting_plans(connection: Connection, run_ids: Sequence[int]) -> list[AwaitingPlan]:
    """Return the plans in force of some runs, the one that expires first in front. Plans that can't be read are left out."""
    approved = (
        sa.select(sa.func.count())
        .where(approvals.c.plan_id == plans.c.id, approvals.c.decision == "approve")
        .scalar_subquery()
    )
    columns: list[sa.ColumnElement[object]] = [runs.c.id, runs.c.reason, plans.c.body]
    query = (
        sa.select(*columns, plans.c.made_at, plans.c.expires_at, approved.label("approvals"))
        .join(plans, plans.c.id == runs.c.plan_id)
        .where(runs.c.id.in_(run_ids))
        .order_by(plans.c.expires_at, runs.c.id)
    )
    awaiting = []
    for row in connection.execute(query):
        try:
            proposal = Proposal.from_json(row.body)
        except Exception as fault:  # a plan of another version, or damaged: the run's page says so
            log.warning("plan.unreadable", run=row.id, error=type(fault).__name__)
            continue
        awaiting.append(
            AwaitingPlan(
                run_id=row.id,
                proposal=proposal,
                made_at=row.made_at,
                expires_at=row.expires_at,
                approvals=row.approvals,
                reason=row.reason,
            )
        )
    return awaiting


def list_decisions(connection: Connection, run_id: int) -> list[PlanDecision]:
    """Return the decisions on all plans of a run, oldest first."""
    query = sa.select(approvals).where(approvals.c.run_id == run_id).order_by(approvals.c.id)
    return [PlanDecision.from_row(row) for row in connection.execute(query)]
