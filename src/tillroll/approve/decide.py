"""May it go? Pure: values in, a yes or every reason against it out."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.language.models import Approval
from tillroll.campaign.states import RunState

APPROVER = "approver"
ADMIN = "admin"
VIEWER = "viewer"
MAY_DECIDE = frozenset({APPROVER, ADMIN})


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who decides: an account, with its roles."""

    email: str
    roles: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What other runs hold of a limit already. `limit` None: there is none."""

    used: Decimal | int
    limit: Decimal | int | None


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """The limits on all runs together: money of live runs, money of a month, codes of a day."""

    campaign: Budget
    store: Budget
    month: Budget
    codes: Budget


def reasons_against(
    *,
    person: Person,
    digest: str,
    plan: StoredPlan,
    state: RunState,
    approved_by: Collection[str],
    now: datetime,
) -> tuple[str, ...]:
    """Why this person can't approve this digest now; empty when nothing stands against it."""
    found = []
    if not person.roles & MAY_DECIDE:
        found.append(f"{person.email} has no approver role")
    if state is not RunState.WAITING:
        found.append(f"the run is {state}, not waiting for approval")
    if not plan.digest or not hmac.compare_digest(digest.encode(), plan.digest.encode()):
        found.append("the plan has changed since you looked at it: its digest is another one now")
    if now >= plan.expires_at:
        found.append(f"the plan expired at {plan.expires_at:%Y-%m-%d %H:%M} UTC")
    if person.email in approved_by:
        found.append(f"{person.email} has approved it already; the quorum needs different people")
    return tuple(found)


def over_budget(worst_case: Decimal | None, codes: int, budgets: Budgets) -> tuple[str, ...]:
    """Which limits the run would pass, together with the other runs that count."""
    found = []
    for runs_, whose, budget in (
        ("live runs", "the campaign's budget", budgets.campaign),
        ("live runs", "the store's budget", budgets.store),
        ("this month's runs", "what a month may cost", budgets.month),
    ):
        if budget.limit is None:
            continue
        if worst_case is None:
            found.append(f"its worst case has no bound, and {whose} is {budget.limit:.2f}")
        elif budget.used + worst_case > budget.limit:
            found.append(
                f"{runs_} may cost {budget.used:.2f} already; {worst_case:.2f} more passes {whose} of {budget.limit:.2f}"
            )
    limit = budgets.codes.limit
    if limit is not None and codes and budgets.codes.used + codes > limit:
        found.append(
            f"{budgets.codes.used} codes were approved today already; {codes} more pass the {limit} of a day"
        )
    return tuple(found)


def quorum_reached(approved_by: Sequence[str], needed: int) -> bool:
    """Whether enough different people agreed; `needed` is what the plan says, which the guardrails may have raised."""
    return len(set(approved_by)) >= needed


def goes_by_policy(plan: StoredPlan, approval: Approval) -> bool:
    """Whether the plan is within the bounds its campaign lets go without a person, and no guardrail asks for more people."""
    bounds, worst = approval.auto_when, plan.proposal.exposure.worst_case
    if bounds is None or worst is None or plan.proposal.approvers > approval.by:
        return False
    return (
        max(plan.proposal.audience.count, plan.proposal.code_count) <= bounds.codes
        and worst <= bounds.worst_case
    )
