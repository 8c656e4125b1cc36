"""What a change asks of the store for one code, and what the answer means, decided from values alone. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.states import ChangeKind, CodeState

IN_FLIGHT = 2  # batches posted at a time; the store works in order, and the rest of its queue is minting's
CHANGE_RETRIES = RetryPolicy(attempts=8, first_pause=timedelta(seconds=2), longest_pause=timedelta(minutes=1))
"""Of a call that changes one coupon: 2, 4, 8 seconds apart, and so on up to a minute."""

URGENT = (
    ChangeKind.PAUSE,
    ChangeKind.REVOKE,
    ChangeKind.LAUNCH,
    ChangeKind.RESUME,
    ChangeKind.RECYCLE,
)
"""Changes that go before the others, most urgent first: they take money back, or somebody waits for them."""

POSTPONED = (ChangeKind.CLEAR,)
"""Changes that wait until nothing else is to be done."""

NEEDS_ORDERS = frozenset({ChangeKind.RESUME, ChangeKind.EXTEND, ChangeKind.REVOKE})
"""Changes that skip used codes: orders must be read up to the moment when the change was asked for."""

OVERTAKES = {
    ChangeKind.PAUSE: frozenset({ChangeKind.RESUME, ChangeKind.LAUNCH}),
    ChangeKind.RESUME: frozenset({ChangeKind.PAUSE}),
    ChangeKind.REVOKE: frozenset(ChangeKind),
    ChangeKind.CLEAR: frozenset(ChangeKind),
}
"""For each kind, the kinds of earlier changes that it makes pointless: their parts that are not yet posted are skipped."""

IMMEDIATE_STATES = {
    ChangeKind.PAUSE: CodeState.PAUSED,
    ChangeKind.REVOKE: CodeState.REVOKED,
    ChangeKind.CLEAR: CodeState.CLEARED,
}
"""The state that the ledger gives a code as soon as the change is recorded, so that no e-mail with it is sent any more."""


class CouponAction(StrEnum):
    """What the store is asked to do with a coupon."""

    UPDATE = "update"
    DELETE = "delete"
    CREATE = "create"


def action_of(kind: ChangeKind) -> CouponAction:
    """Return what a kind of change asks of the store for each code. (A fix may also create coupons.)"""
    return CouponAction.DELETE if kind in {ChangeKind.REVOKE, ChangeKind.CLEAR} else CouponAction.UPDATE


def urgency(kind: ChangeKind) -> int:
    """Return a sort key: the lower, the sooner a change is worked on."""
    if kind in URGENT:
        return URGENT.index(kind)
    return len(URGENT) + (kind in POSTPONED)


def kinds_that_overtake(kind: ChangeKind) -> list[ChangeKind]:
    """Return the kinds of later changes that make a change of this kind pointless."""
    return [later for later, earlier in OVERTAKES.items() if kind in earlier]


class PartResult(StrEnum):
    """What one answer of the store means for one code."""

    DONE = "done"
    GONE = "gone"  # the coupon no longer exists
    LOOK_UP = "look_up"  # it may have been created, by us or by somebody else
    AGAIN = "again"  # nothing was done; ask again
    FAIL = "fail"  # refused for good
    STOP = "stop"  # nothing was done, and nothing will be until somebody acts


def part_result(
    *, action: CouponAction, executed: bool, status: int, figure: int | None, attempts: int
) -> PartResult:
    """Return what one answer means.

    `figure` is the number in the answer: how many coupons were changed, or the id of the new one; None if there is none.
    `attempts` includes this one. An update or deletion that may have been done is asked for again, since that is harmless.
    """
    passing = not executed or status in {408, 429} or status >= 500
    if passing:
        if action is CouponAction.CREATE and executed and status != 429:
            return PartResult.LOOK_UP
        return PartResult.AGAIN if CHANGE_RETRIES.may_try_again(attempts) else PartResult.FAIL
    if status == 200:
        return _result_at_200(action, figure)
    if status == 404 and action is not CouponAction.CREATE:
        return PartResult.GONE if action is CouponAction.UPDATE else PartResult.DONE
    if status == 409 and action is CouponAction.CREATE:
        return PartResult.LOOK_UP
    return PartResult.STOP if status in {402, 403} else PartResult.FAIL


def _result_at_200(action: CouponAction, figure: int | None) -> PartResult:
    if action is CouponAction.UPDATE and figure == 0:
        return PartResult.GONE
    if action is CouponAction.CREATE and figure is None:
        return PartResult.LOOK_UP
    return PartResult.DONE
