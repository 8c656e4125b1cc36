"""What an answer means for a code of a change, and when the nightly comparison is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tillroll.campaign.states import ChangeKind
from tillroll.mint.changes.decide import CHANGE_RETRIES, CouponAction, PartResult, part_result, urgency
from tillroll.mint.reconcile.decide import is_nightly_due

LJUBLJANA = ZoneInfo("Europe/Ljubljana")


@pytest.mark.parametrize(
    ("action", "status", "figure", "meaning"),
    [
        (CouponAction.UPDATE, 200, 1, PartResult.DONE),
        (CouponAction.UPDATE, 200, 0, PartResult.GONE),
        (CouponAction.UPDATE, 200, None, PartResult.DONE),
        (CouponAction.UPDATE, 404, None, PartResult.GONE),
        (CouponAction.UPDATE, 409, None, PartResult.FAIL),
        (CouponAction.UPDATE, 503, None, PartResult.AGAIN),
        (CouponAction.DELETE, 200, 0, PartResult.DONE),
        (CouponAction.DELETE, 404, None, PartResult.DONE),
        (CouponAction.DELETE, 429, None, PartResult.AGAIN),
        (CouponAction.CREATE, 200, 7, PartResult.DONE),
        (CouponAction.CREATE, 200, None, PartResult.LOOK_UP),
        (CouponAction.CREATE, 409, None, PartResult.LOOK_UP),
        (CouponAction.CREATE, 503, None, PartResult.LOOK_UP),
        (CouponAction.CREATE, 429, None, PartResult.AGAIN),
        (CouponAction.CREATE, 404, None, PartResult.FAIL),
        (CouponAction.UPDATE, 403, None, PartResult.STOP),
        (CouponAction.DELETE, 402, None, PartResult.STOP),
        (CouponAction.UPDATE, 400, None, PartResult.FAIL),
    ],
)
def test_every_answer_has_a_meaning(
    action: CouponAction, status: int, figure: int | None, meaning: PartResult
) -> None:
    assert part_result(action=action, executed=True, status=status, figure=figure, attempts=1) is meaning


def test_a_call_that_was_not_run_is_repeated_but_not_forever() -> None:
    untried = {"action": CouponAction.UPDATE, "executed": False, "status": 0, "figure": None}
    assert part_result(**untried, attempts=1) is PartResult.AGAIN
    assert part_result(**untried, attempts=CHANGE_RETRIES.attempts) is PartResult.FAIL
    pauses = [CHANGE_RETRIES.pause_before(attempt).total_seconds() for attempt in range(1, 9)]
    assert pauses == sorted(pauses)
    assert max(pauses) == 60


def test_pausing_and_revoking_come_first_and_clearing_last() -> None:
    order = sorted(ChangeKind, key=urgency)
    assert order[0] is ChangeKind.PAUSE
    assert order[-1] is ChangeKind.CLEAR


@pytest.mark.parametrize(
    ("hour", "since", "due"),
    [(2, 23, True), (2, 3, False), (12, 23, False), (12, 37, True), (0, 23, False), (4, 13, True)],
)
def test_the_nightly_comparison_is_due_at_night_in_the_stores_time_zone(
    hour: int, since: int, due: bool
) -> None:
    now = datetime(2026, 11, 24, hour, 30, tzinfo=LJUBLJANA).astimezone(UTC)
    assert is_nightly_due(now - timedelta(hours=since), now, LJUBLJANA) is due
    assert is_nightly_due(None, now, LJUBLJANA)
