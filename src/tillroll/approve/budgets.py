"""Which limits on all runs together would be passed, when a run goes or codes work again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Connection

from tillroll.approve.decide import Budget, Budgets, over_budget
from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.ledger.exposure import held_by_runs

_NO_LIMIT = Budget(used=0, limit=None)


def over_by_run(
    connection: Connection, store_id: int, plan: StoredPlan, revision: Revision, now: datetime
) -> tuple[str, ...]:
    """Which limits the run would pass now."""
    held = held_by_runs(connection, store_id=store_id, campaign=revision.name, now=now)
    campaign, rails = revision.campaign, revision.guardrails
    limits = Budgets(
        campaign=Budget(used=held.campaign, limit=campaign.budget.worst_case if campaign.budget else None),
        store=Budget(used=held.live, limit=rails.worst_case_of_live_runs),
        month=Budget(used=held.month, limit=rails.worst_case_per_month),
        codes=Budget(used=held.codes_today, limit=rails.codes_per_day),
    )
    return over_budget(plan.proposal.exposure.worst_case, plan.proposal.code_count, limits)


def over_again(
    connection: Connection, store_id: int, rise: Decimal | None, revision: Revision, now: datetime
) -> tuple[str, ...]:
    """Which limits on live runs would be passed if runs that hold nothing now may cost so much again.

    What a month may cost and how many codes a day may bring counted them when they were approved.
    """
    held = held_by_runs(connection, store_id=store_id, campaign=revision.name, now=now)
    campaign, rails = revision.campaign, revision.guardrails
    limits = Budgets(
        campaign=Budget(used=held.campaign, limit=campaign.budget.worst_case if campaign.budget else None),
        store=Budget(used=held.live, limit=rails.worst_case_of_live_runs),
        month=_NO_LIMIT,
        codes=_NO_LIMIT,
    )
    return over_budget(rise, 0, limits)
