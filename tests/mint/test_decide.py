from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.shop import NOW
from tillroll.campaign.language.models import Valid
from tillroll.campaign.timing.validity import validity
from tillroll.ecwid.endpoints.batches import key_still_good, poll_pause
from tillroll.mint.decide import (
    CODE_RETRIES,
    CodeOutcome,
    CouponMarks,
    code_outcome,
    is_ours,
)

LJUBLJANA = ZoneInfo("Europe/Ljubljana")


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, CodeOutcome.LIVE),
        (409, CodeOutcome.LOOK_UP),
        (402, CodeOutcome.STOP),
        (403, CodeOutcome.STOP),
        (400, CodeOutcome.FAIL),
        (404, CodeOutcome.FAIL),
        (429, CodeOutcome.AGAIN),
        (500, CodeOutcome.AGAIN),
        (503, CodeOutcome.AGAIN),
    ],
)
def test_each_answer_means_one_thing(status: int, meaning: CodeOutcome) -> None:
    assert code_outcome(executed=True, status=status, has_id=True, attempts=1) is meaning


def test_a_call_that_was_not_executed_is_repeated_but_not_forever() -> None:
    for attempts, meaning in ((1, CodeOutcome.AGAIN), (CODE_RETRIES.attempts, CodeOutcome.FAIL)):
        assert code_outcome(executed=False, status=0, has_id=False, attempts=attempts) is meaning


def test_a_success_that_names_no_coupon_is_looked_up() -> None:
    assert code_outcome(executed=True, status=200, has_id=False, attempts=1) is CodeOutcome.LOOK_UP


def test_codes_are_valid_to_the_end_of_their_last_day_in_the_stores_time_zone() -> None:
    start, end = validity(Valid.model_validate({"for": "14d"}), LJUBLJANA, NOW)
    assert start == NOW
    assert end == datetime(2026, 12, 7, 22, 59, 59, tzinfo=UTC)


def test_the_last_day_is_whole_across_a_change_of_the_clock() -> None:
    before = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)  # the clock goes forward on the 29th
    _, end = validity(Valid.model_validate({"for": "14d"}), LJUBLJANA, before)
    assert end == datetime(2026, 4, 3, 21, 59, 59, tzinfo=UTC)


def test_fixed_moments_are_wall_times_of_the_store() -> None:
    start, end = validity(
        Valid.model_validate({"from": "2026-12-01 09:00", "until": "2027-01-06 23:59"}), LJUBLJANA, NOW
    )
    assert (start, end) == (datetime(2026, 12, 1, 8, 0, tzinfo=UTC), datetime(2027, 1, 6, 22, 59, tzinfo=UTC))


def test_pauses_between_polls_grow() -> None:
    pauses = [poll_pause(polls) for polls in range(100)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(seconds=30)


def test_a_key_is_trusted_for_less_than_the_hour_the_store_remembers_it() -> None:
    assert key_still_good(NOW, NOW + timedelta(minutes=54))
    assert not key_still_good(NOW, NOW + timedelta(minutes=55))


def marks(name: str = "We miss you (tillroll run 1)") -> CouponMarks:
    return CouponMarks(name=name, discount_type="PERCENT", discount=Decimal(15), uses_limit="SINGLE")


def test_a_coupon_is_ours_only_with_our_fields_and_not_older_than_the_reservation() -> None:
    assert is_ours(requested=marks(), in_store=marks(), created_at=NOW, reserved_at=NOW)
    assert is_ours(requested=marks(), in_store=marks(), created_at=None, reserved_at=NOW)
    assert not is_ours(requested=marks(), in_store=marks("Friends"), created_at=NOW, reserved_at=NOW)
    assert not is_ours(
        requested=marks(), in_store=marks(), created_at=NOW - timedelta(hours=1), reserved_at=NOW
    )
