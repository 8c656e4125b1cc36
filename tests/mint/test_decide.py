from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.shop import NOW
from tillroll.campaign.language.models import Valid
from tillroll.campaign.timing.validity import validity
from tillroll.ecwid.batches import key_still_good, poll_pause
from tillroll.mint.decide import (
    MOST_ATTEMPTS,
    Marks,
    Outcome,
    is_ours,
    outcome,
)

LJUBLJANA = ZoneInfo("Europe/Ljubljana")


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, Outcome.LIVE),
        (409, Outcome.LOOK_UP),
        (402, Outcome.STOP),
        (403, Outcome.STOP),
        (400, Outcome.FAIL),
        (404, Outcome.FAIL),
        (429, Outcome.AGAIN),
        (500, Outcome.AGAIN),
        (503, Outcome.AGAIN),
    ],
)
def test_each_answer_means_one_thing(status: int, meaning: Outcome) -> None:
    assert outcome(executed=True, status=status, attempts=1) is meaning


def test_what_was_not_executed_is_tried_again_but_not_for_ever() -> None:
    assert outcome(executed=False, status=0, attempts=1) is Outcome.AGAIN
    assert outcome(executed=False, status=0, attempts=MOST_ATTEMPTS) is Outcome.FAIL


def test_codes_are_good_to_the_end_of_their_last_day_by_the_stores_clock() -> None:
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


def test_polls_grow_further_apart() -> None:
    pauses = [poll_pause(polls) for polls in range(100)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(seconds=30)


def test_a_key_is_trusted_for_less_than_the_hour_the_store_remembers_it() -> None:
    assert key_still_good(NOW, NOW + timedelta(minutes=54))
    assert not key_still_good(NOW, NOW + timedelta(minutes=55))


def marks(name: str = "We miss you (tillroll run 1)") -> Marks:
    return Marks(name=name, discount_type="PERCENT", discount=Decimal(15), uses_limit="SINGLE")


def test_a_coupon_is_ours_only_with_our_mark_and_not_from_before_the_reservation() -> None:
    assert is_ours(wanted=marks(), found=marks(), created_at=NOW, reserved_at=NOW)
    assert is_ours(wanted=marks(), found=marks(), created_at=None, reserved_at=NOW)
    assert not is_ours(wanted=marks(), found=marks("Friends"), created_at=NOW, reserved_at=NOW)
    assert not is_ours(wanted=marks(), found=marks(), created_at=NOW - timedelta(hours=1), reserved_at=NOW)
