"""What minting does next, decided from values alone. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.frozen.proposal import StoredPlan

CODE_RETRIES = RetryPolicy(attempts=5)  # of the call that creates one coupon; without a pause
SKEW = timedelta(minutes=5)  # how far the store's clock may differ from ours


def reasons_not_to_begin(
    *,
    plan: StoredPlan,
    digest_now: str,
    revision_now: int | None,
    approvals: Collection[tuple[str, str]],
    policy: str,
    goods: Collection[str],
) -> tuple[str, ...]:
    """Return why an approved run may not be minted after all; nothing if it may.

    `approvals` holds pairs of person and digest. `goods` says, in clauses, what has changed about the goods that the offer names.
    """
    reasons = []
    if revision_now != plan.revision_id:
        reasons.append("the campaign's files changed after the plan was made")
    if digest_now != plan.digest or plan.proposal.digest != plan.digest:
        reasons.append("the audience or the plan in the ledger is not what was approved")
    reasons += goods
    approvers = {person for person, digest in approvals if digest == plan.digest}
    if policy not in approvers and len(approvers) < plan.proposal.approvers:
        reasons.append(f"{len(approvers)} of {plan.proposal.approvers} approvals are for this plan")
    return tuple(reasons)


class CodeOutcome(StrEnum):
    """What one answer of the store means for its code."""

    LIVE = "live"
    LOOK_UP = "look_up"  # the store has this code, or may have: ours from this or an earlier attempt, or somebody else's
    AGAIN = "again"  # nothing was created: back to reserved
    FAIL = "fail"  # refused for good
    STOP = "stop"  # nothing was created, and nothing will be until somebody acts


def code_outcome(*, executed: bool, status: int, has_id: bool, attempts: int) -> CodeOutcome:
    """Return what one answer means. `attempts` includes this one, `has_id`: it names the new coupon's id.

    A success that names no id made a coupon, or not: it is looked up, since a live code without its coupon can't be changed.
    """
    if not executed or status == 429 or status >= 500 or status == 408:
        return CodeOutcome.AGAIN if CODE_RETRIES.may_try_again(attempts) else CodeOutcome.FAIL
    if status == 200 and has_id:
        return CodeOutcome.LIVE
    if status in {200, 409}:
        return CodeOutcome.LOOK_UP
    if status in {402, 403}:
        return CodeOutcome.STOP
    return CodeOutcome.FAIL


@dataclass(frozen=True, kw_only=True)
class CouponMarks:
    """The fields that tell a coupon of ours from somebody else's with the same code."""

    name: str
    discount_type: str
    discount: Decimal
    uses_limit: str
    products: frozenset[int] = frozenset()  # what it is limited to; the store keeps them in no order
    categories: frozenset[int] = frozenset()


def is_ours(
    *, requested: CouponMarks, in_store: CouponMarks, created_at: datetime | None, reserved_at: datetime
) -> bool:
    """Return whether we created a coupon found under a reserved code: same offer, and not older than the reservation."""
    return requested == in_store and (created_at is None or created_at >= reserved_at - SKEW)
