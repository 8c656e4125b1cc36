"""What minting does next, decided from values alone. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from tillroll.campaign.frozen.proposal import StoredPlan

MOST_ATTEMPTS = 5
SKEW = timedelta(minutes=5)  # how far the store's clock may be from ours


def reasons_not_to_begin(
    *,
    plan: StoredPlan,
    digest_now: str,
    revision_now: int | None,
    approvals: Collection[tuple[str, str]],
    policy: str,
    goods: Collection[str],
) -> tuple[str, ...]:
    """Why an approved run may not mint after all; empty: it may.

    `approvals` holds (person, digest) pairs; `goods` are sentences' ends on what the store says otherwise by now of the
    goods that the offer names.
    """
    found = []
    if revision_now != plan.revision_id:
        found.append("the campaign's files changed after the plan was made")
    if digest_now != plan.digest or plan.proposal.digest != plan.digest:
        found.append("the audience or the plan in the ledger is not what was approved")
    found += goods
    agreed = {person for person, digest in approvals if digest == plan.digest}
    if policy not in agreed and len(agreed) < plan.proposal.approvers:
        found.append(f"{len(agreed)} of {plan.proposal.approvers} approvals are for this plan")
    return tuple(found)


class Outcome(StrEnum):
    """What one answer of the store does to its code."""

    LIVE = "live"
    LOOK_UP = "look_up"  # the store has such a code: ours from an earlier try, or somebody's
    AGAIN = "again"  # nothing was made: back to reserved
    FAIL = "fail"  # refused for good
    STOP = "stop"  # nothing was made, and nothing will be until somebody acts


def outcome(*, executed: bool, status: int, attempts: int) -> Outcome:
    """The meaning of one inner answer. `attempts` counts this one."""
    if not executed or status == 429 or status >= 500 or status == 408:
        return Outcome.AGAIN if attempts < MOST_ATTEMPTS else Outcome.FAIL
    if status == 200:
        return Outcome.LIVE
    if status == 409:
        return Outcome.LOOK_UP
    if status in {402, 403}:
        return Outcome.STOP
    return Outcome.FAIL


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What tells a coupon of ours from somebody's with the same code."""

    name: str
    discount_type: str
    discount: Decimal
    uses_limit: str
    products: frozenset[int] = frozenset()  # what it is limited to; the store keeps no order
    categories: frozenset[int] = frozenset()


def is_ours(*, wanted: Marks, found: Marks, created_at: datetime | None, reserved_at: datetime) -> bool:
    """Whether a coupon found under a reserved code was made by us: the same offer, and not before the reservation."""
    return wanted == found and (created_at is None or created_at >= reserved_at - SKEW)
