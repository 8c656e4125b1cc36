"""Due slots, with the time moved by freezegun: the loop as it would run over days."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from freezegun import freeze_time

from tillroll.campaign.states import RunState
from tillroll.ledger.tables import runs
from tillroll.loop.advance import Lane, advance
from tillroll.loop.worker import SLICE

RUN, SKIPPED = "run", "skipped"


def look(lane: Lane, moment: str, *, name: str = "welcome") -> list[tuple[str, str]]:
    """Advance the lane at a moment (UTC); a campaign's slots that were seen by then, run or skipped."""
    return [
        (slot, SKIPPED if state == RunState.SKIPPED else RUN)
        for slot, state in states(lane, moment, name=name)
    ]


def states(lane: Lane, moment: str, *, name: str) -> list[tuple[str, str]]:
    """The same, with the state each run is in."""
    with freeze_time(moment):
        advance(lane, until=datetime.now(UTC) + SLICE)
    with lane.services.engine.connect() as connection:
        found = connection.execute(sa.select(runs).where(runs.c.campaign == name).order_by(runs.c.id))
        return [(row.slot_key, row.state) for row in found]


def test_a_weekly_slot_fires_once_at_the_stores_wall_time(lane: Lane) -> None:
    assert look(lane, "2026-11-29 12:00:00") == []
    assert look(lane, "2026-11-30 08:59:50") == []
    due = [("2026-11-30T10:00", RUN)]
    assert look(lane, "2026-11-30 09:00:05") == due
    assert look(lane, "2026-11-30 09:00:06") == due


def test_a_slot_missed_for_a_while_runs_as_soon_as_something_does(lane: Lane) -> None:
    look(lane, "2026-11-29 12:00:00")
    assert look(lane, "2026-11-30 14:30:00") == [("2026-11-30T10:00", RUN)]


def test_of_many_missed_slots_the_latest_runs_and_the_others_say_why_not(lane: Lane) -> None:
    look(lane, "2026-11-02 12:00:00")
    found = dict(look(lane, "2026-11-23 10:00:00"))
    assert found == {
        "2026-11-09T10:00": SKIPPED,
        "2026-11-16T10:00": SKIPPED,
        "2026-11-23T10:00": RUN,
    }


@pytest.mark.parametrize(
    ("before", "due"),
    [("2027-03-27 12:00:00", "2027-03-29 08:00:05"), ("2026-10-24 12:00:00", "2026-10-26 09:00:05")],
)
def test_ten_in_the_morning_stays_ten_when_the_clock_changes(lane: Lane, before: str, due: str) -> None:
    look(lane, before)
    found = [key for key, state in look(lane, due) if state == RUN]
    assert found == [f"{due[:10]}T10:00"]


def test_a_plan_that_nobody_decides_on_ends_by_itself(lane: Lane) -> None:
    states(lane, "2026-11-30 12:00:00", name="winback")
    slot = "2026-12-01T09:00"
    assert states(lane, "2026-12-01 08:00:05", name="winback") == [(slot, RunState.WAITING)]
    assert states(lane, "2026-12-03 08:00:06", name="winback") == [(slot, RunState.EXPIRED)]
