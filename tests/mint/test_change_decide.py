"""What an answer means for a code of a change, and when the store is looked over at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tillroll.campaign.states import ChangeKind
from tillroll.mint.changes.decide import MOST_ATTEMPTS, Action, Became, became, pause_before, urgency
from tillroll.mint.drift.decide import night_look_is_due

LJUBLJANA = ZoneInfo("Europe/Ljubljana")


@pytest.mark.parametrize(
    ("action", "status", "told", "meaning"),
    [
        (Action.UPDATE, 200, 1, Became.DONE),
        (Action.UPDATE, 200, 0, Became.GONE),
        (Action.UPDATE, 200, None, Became.DONE),
        (Action.UPDATE, 404, None, Became.GONE),
        (Action.UPDATE, 409, None, Became.FAIL),
        (Action.UPDATE, 503, None, Became.AGAIN),
        (Action.DELETE, 200, 0, Became.DONE),
        (Action.DELETE, 404, None, Became.DONE),
        (Action.DELETE, 429, None, Became.AGAIN),
        (Action.CREATE, 200, 7, Became.DONE),
        (Action.CREATE, 200, None, Became.LOOK_UP),
        (Action.CREATE, 409, None, Became.LOOK_UP),
        (Action.CREATE, 503, None, Became.LOOK_UP),
        (Action.CREATE, 429, None, Became.AGAIN),
        (Action.CREATE, 404, None, Became.FAIL),
        (Action.UPDATE, 403, None, Became.STOP),
        (Action.DELETE, 402, None, Became.STOP),
        (Action.UPDATE, 400, None, Became.FAIL),
    ],
)
def test_every_answer_has_a_meaning(action: Action, status: int, told: int | None, meaning: Became) -> None:
    assert became(action=action, executed=True, status=status, told=told, attempts=1) is meaning


def test_what_was_not_run_is_asked_for_again_but_not_for_ever() -> None:
    untried = {"action": Action.UPDATE, "executed": False, "status": 0, "told": None}
    assert became(**untried, attempts=1) is Became.AGAIN
    assert became(**untried, attempts=MOST_ATTEMPTS) is Became.FAIL
    pauses = [pause_before(attempt) for attempt in range(1, 9)]
    assert pauses == sorted(pauses)
    assert max(pauses) == 60


def test_what_takes_money_back_comes_first_and_tidying_up_last() -> None:
    order = sorted(ChangeKind, key=urgency)
    assert order[0] is ChangeKind.PAUSE
    assert order[-1] is ChangeKind.CLEAR


@pytest.mark.parametrize(
    ("hour", "since", "due"),
    [(2, 23, True), (2, 3, False), (12, 23, False), (12, 37, True), (0, 23, False), (4, 13, True)],
)
def test_the_store_is_looked_over_at_night_by_its_own_clock(hour: int, since: int, due: bool) -> None:
    now = datetime(2026, 11, 24, hour, 30, tzinfo=LJUBLJANA).astimezone(UTC)
    assert night_look_is_due(now - timedelta(hours=since), now, LJUBLJANA) is due
    assert night_look_is_due(None, now, LJUBLJANA)
