"""May it go? Pure: values in, a yes or every reason against it out."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tillroll.campaign.models import Approval
from tillroll.campaign.proposal import StoredPlan
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
class Budgets:
    """What other live runs may cost already, and the limits. None of a limit: there is none."""

    campaign_used: Decimal
    campaign_limit: Decimal | None
    store_used: Decimal
    store_limit: Decimal | None


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


def over_budget(worst_case: Decimal | None, budgets: Budgets) -> tuple[str, ...]:
    """Which budgets the run would pass, together with the runs that are live."""
    found = []
    for whose, used, limit in (
        ("campaign", budgets.campaign_used, budgets.campaign_limit),
        ("store", budgets.store_used, budgets.store_limit),
    ):
        if limit is None:
            continue
        if worst_case is None:
            found.append(f"its worst case has no bound, and the {whose}'s budget is {limit:.2f}")
        elif used + worst_case > limit:
            found.append(
                f"live runs may cost {used:.2f} already; {worst_case:.2f} more passes the {whose}'s budget of {limit:.2f}"
            )
    return tuple(found)


def quorum_reached(approved_by: Sequence[str], approval: Approval) -> bool:
    """Whether enough different people agreed."""
    return len(set(approved_by)) >= approval.by


def goes_by_policy(plan: StoredPlan, approval: Approval) -> bool:
    """Whether the plan is within the bounds its campaign lets go without a person."""
    bounds, worst = approval.auto_when, plan.proposal.exposure.worst_case
    if bounds is None or worst is None:
        return False
    return (
        max(plan.proposal.audience.count, plan.proposal.code_count) <= bounds.codes
        and worst <= bounds.worst_case
    )
