"""The limits on all runs together that a run, or codes that work again, would exceed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Connection

from tillroll.approve.decide import Budgets, BudgetUse, limits_exceeded
from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.ledger.limits.kept import discount_given
from tillroll.ledger.queries.exposure import Holding, held_by_runs

_NO_LIMIT = BudgetUse(used=0, limit=None)


def limits_exceeded_by_run(
    connection: Connection, store_id: int, plan: StoredPlan, revision: Revision, now: datetime
) -> tuple[str, ...]:
    """Return the limits that the planned run would exceed now."""
    held = held_by_runs(connection, store_id=store_id, campaign=revision.name, now=now)
    campaign, store = _of_live_runs(held, revision)
    rails = revision.guardrails
    limits = Budgets(
        campaign=campaign,
        store=store,
        month=BudgetUse(used=held.month, limit=rails.worst_case_per_month),
        codes=BudgetUse(used=held.codes_today, limit=rails.codes_per_day),
    )
    exceeded = limits_exceeded(plan.proposal.exposure.worst_case, plan.proposal.code_count, limits)
    return (*exceeded, *_budget_given(connection, store_id, revision))


def _budget_given(connection: Connection, store_id: int, revision: Revision) -> tuple[str, ...]:
    """Return what is against a campaign that has given all the discount that it may give."""
    budget = revision.campaign.budget
    if budget is None or budget.discount is None:
        return ()
    given = discount_given(connection, store_id, revision.name)
    if given < budget.discount:
        return ()
    return (
        f"orders have taken {given:.2f} off already, and the campaign's budget.discount is {budget.discount:.2f}",
    )


def limits_exceeded_again(
    connection: Connection, store_id: int, exposure: Decimal | None, revision: Revision, now: datetime
) -> tuple[str, ...]:
    """Return the limits on live runs that would be exceeded if runs that hold nothing now held this exposure again.

    The limits of a month and of a day don't count: they counted these runs when they were approved.
    """
    held = held_by_runs(connection, store_id=store_id, campaign=revision.name, now=now)
    campaign, store = _of_live_runs(held, revision)
    limits = Budgets(campaign=campaign, store=store, month=_NO_LIMIT, codes=_NO_LIMIT)
    return limits_exceeded(exposure, 0, limits)


def _of_live_runs(held: Holding, revision: Revision) -> tuple[BudgetUse, BudgetUse]:
    """Return what live runs use of the campaign's budget and of the store's."""
    budget = revision.campaign.budget
    return (
        BudgetUse(used=held.campaign, limit=budget.worst_case if budget is not None else None),
        BudgetUse(used=held.live, limit=revision.guardrails.worst_case_of_live_runs),
    )
