"""Whether a plan may be approved, and whether it needs a person at all. Pure.

What voids an approval later: `plan/record/send_back.py` (files), `plan/goods/stock.py` (stock), `mint/issue/begin.py` (the rest).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tillroll.campaign.frozen.proposal import Proposal, StoredPlan
from tillroll.campaign.language.models import Approval
from tillroll.campaign.states import RunState
from tillroll.campaign.text.counts import count_of

APPROVER = "approver"
ADMIN = "admin"
VIEWER = "viewer"
MAY_DECIDE = frozenset({APPROVER, ADMIN})


class OwnPlans(StrEnum):
    """Whether somebody may be the only approver of a run that they asked for."""

    AUTO = "auto"  # only while nobody else may approve for the store
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who decides: an account with its roles."""

    email: str
    roles: frozenset[str]  # for all stores
    store_roles: Mapping[int, frozenset[str]] = field(default_factory=dict, hash=False)  # for one store each

    def roles_for(self, store_id: int) -> frozenset[str]:
        """Return the roles that the person has for a store."""
        return self.roles | self.store_roles.get(store_id, frozenset())

    def may_decide(self, store_id: int) -> bool:
        """Return whether the person may approve, reject and halt in a store."""
        return bool(self.roles_for(store_id) & MAY_DECIDE)

    @property
    def may_decide_somewhere(self) -> bool:
        """Whether the person may decide in any store."""
        return not MAY_DECIDE.isdisjoint(self.roles.union(*self.store_roles.values()))

    @property
    def is_administrator(self) -> bool:
        """Whether the person may manage accounts and connect stores: a role for one store is not enough for that."""
        return ADMIN in self.roles

    def may_see(self, store_id: int) -> bool:
        """Return whether the person may look at a store."""
        return bool(self.roles_for(store_id))


@dataclass(frozen=True, kw_only=True)
class BudgetUse:
    """How much of a limit other runs hold already. `limit` is None where there is no limit."""

    used: Decimal | int
    limit: Decimal | int | None


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """The limits on all runs together."""

    campaign: BudgetUse  # worst cases of the campaign's live runs
    store: BudgetUse  # worst cases of all live runs
    month: BudgetUse  # worst cases of the runs approved in this calendar month
    codes: BudgetUse  # codes of the runs approved today


def reasons_against(
    *,
    person: Person,
    store_id: int,
    digest: str,
    plan: StoredPlan,
    state: RunState,
    approved_by: Collection[str],
    now: datetime,
    asked_by: Collection[str] = (),
) -> tuple[str, ...]:
    """Return every reason why this person can't approve this digest now.

    `asked_by`: the people whose approval alone is not enough, as `people_not_enough` says.
    """
    reasons = []
    if not person.may_decide(store_id):
        reasons.append(f"{person.email} has no approver role for this store")
    if state is not RunState.WAITING:
        reasons.append(f"the run is {state}, not waiting for approval")
    if not plan.digest or not hmac.compare_digest(digest.encode(), plan.digest.encode()):
        reasons.append("the plan has changed since you looked at it: it has another digest now")
    if now >= plan.expires_at:
        reasons.append(f"the plan expired at {plan.expires_at:%Y-%m-%d %H:%M} UTC")
    if person.email in approved_by:
        reasons.append(f"{person.email} has approved it already; the quorum needs different people")
    if person.email in asked_by:
        reasons.append(
            f"{person.email} asked for this run or owns its campaign: somebody else must approve it"
        )
    return tuple(reasons)


def people_not_enough(
    *, asker: str, owner: str, approvers: Collection[str], needed: int, own_plans: OwnPlans
) -> frozenset[str]:
    """Return the people who asked for a run, if one of them alone must not approve it.

    `asker` started it, `owner` is the campaign's. With several approvers needed there is somebody else anyway. If every approver
    is behind the run, the owner may approve what the asker started.
    """
    if own_plans is OwnPlans.YES or needed > 1 or (own_plans is OwnPlans.AUTO and len(set(approvers)) < 2):
        return frozenset()
    for behind in (frozenset({asker, owner}), frozenset({asker})):
        if set(approvers) - behind:
            return behind
    return frozenset({asker, owner})


def limits_exceeded(worst_case: Decimal | None, codes: int, budgets: Budgets) -> tuple[str, ...]:
    """Return the limits that a run would exceed together with the runs that count already.

    `worst_case` is None for a run without a bound.
    """
    exceeded = []
    for counted, name, budget in (
        ("live runs", "the campaign's budget", budgets.campaign),
        ("live runs", "the store's budget", budgets.store),
        ("this month's runs", "what a month may cost", budgets.month),
    ):
        if budget.limit is None:
            continue
        if worst_case is None:
            exceeded.append(f"its worst case is unlimited, and {name} is {budget.limit:,.2f}")
        elif budget.used + worst_case > budget.limit:
            exceeded.append(
                f"{counted} may cost {budget.used:,.2f} already; {worst_case:,.2f} more exceeds {name} of {budget.limit:,.2f}"
            )
    limit = budgets.codes.limit
    if limit is not None and codes and budgets.codes.used + codes > limit:
        used = int(budgets.codes.used)
        exceeded.append(
            f"{count_of(used, 'code')} approved today already; {codes:,} more exceeds the limit of {limit:,} a day"
        )
    return tuple(exceeded)


def has_quorum(approved_by: Sequence[str], needed: int) -> bool:
    """Return whether enough different people agreed. `needed` is the plan's number, which guardrails may have raised."""
    return len(set(approved_by)) >= needed


def is_within_policy(plan: StoredPlan, approval: Approval) -> bool:
    """Return whether the campaign lets the plan go without a person, and no guardrail asks for more people."""
    return approval.auto_when is not None and not reasons_against_policy(plan.proposal, approval)


def reasons_against_policy(proposal: Proposal, approval: Approval) -> tuple[str, ...]:
    """Return why a plan is not approved automatically, as clauses; empty if it is, or if the campaign has no `auto_when`."""
    bounds, worst = approval.auto_when, proposal.exposure.worst_case
    if bounds is None:
        return ()
    people = proposal.audience.count
    given = max(people, proposal.code_count) if proposal.offer else 0  # those of a pool were made earlier
    reasons = []
    if given > bounds.codes:
        reasons.append(f"{count_of(given, 'code')} exceeds {bounds.codes:,}")
    most = bounds.emails if bounds.emails is not None or proposal.offer else bounds.codes or None
    if most is not None and people > most:
        reasons.append(f"{count_of(people, 'e-mail')} exceeds {most:,}")
    if worst is None or worst > bounds.worst_case:
        amount = "an unlimited worst case" if worst is None else f"a worst case of {worst:,.2f}"
        reasons.append(f"{amount} exceeds {bounds.worst_case:,f}")
    if proposal.approvers > approval.by:
        reasons.append(f"the guardrails ask for {proposal.approvers} approvers")
    return tuple(reasons)
