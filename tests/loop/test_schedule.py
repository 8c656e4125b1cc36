"""Due slots over several days, with the time moved by freezegun."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from freezegun import freeze_time

from tillroll.campaign.states import RunState
from tillroll.ledger.tables import runs
from tillroll.loop.advance import StoreWorker, advance
from tillroll.loop.worker import SLICE

RUN, SKIPPED = "run", "skipped"


def look(worker: StoreWorker, moment: str, *, name: str = "welcome") -> list[tuple[str, str]]:
    """Give the store a turn at a moment (UTC). Return the campaign's slots so far, each run or skipped."""
    return [
        (slot, SKIPPED if state == RunState.SKIPPED else RUN)
        for slot, state in states(worker, moment, name=name)
    ]


def states(worker: StoreWorker, moment: str, *, name: str) -> list[tuple[str, str]]:
    """Give the store a turn, and return the slots so far with the state of each run."""
    with freeze_time(moment):
        advance(worker, until=datetime.now(UTC) + SLICE)
    with worker.services.engine.connect() as connection:
        rows = connection.execute(sa.select(runs).where(runs.c.campaign == name).order_by(runs.c.id))
        return [(row.slot_key, row.state) for row in rows]


def test_a_weekly_slot_fires_once_at_the_stores_wall_time(worker: StoreWorker) -> None:
    assert look(worker, "2026-11-29 12:00:00") == []
    assert look(worker, "2026-11-30 08:59:50") == []
    due = [("2026-11-30T10:00", RUN)]
    assert look(worker, "2026-11-30 09:00:05") == due
    assert look(worker, "2026-11-30 09:00:06") == due


def test_a_slot_missed_for_hours_runs_at_the_next_turn(worker: StoreWorker) -> None:
    look(worker, "2026-11-29 12:00:00")
    assert look(worker, "2026-11-30 14:30:00") == [("2026-11-30T10:00", RUN)]


def test_of_many_missed_slots_the_latest_runs_and_the_others_are_skipped(worker: StoreWorker) -> None:
    look(worker, "2026-11-02 12:00:00")
    slots = dict(look(worker, "2026-11-23 10:00:00"))
    assert slots == {
        "2026-11-09T10:00": SKIPPED,
        "2026-11-16T10:00": SKIPPED,
        "2026-11-23T10:00": RUN,
    }


@pytest.mark.parametrize(
    ("before", "due"),
    [("2027-03-27 12:00:00", "2027-03-29 08:00:05"), ("2026-10-24 12:00:00", "2026-10-26 09:00:05")],
)
def test_ten_in_the_morning_stays_ten_when_the_clock_changes(
    worker: StoreWorker, before: str, due: str
) -> None:
    look(worker, before)
    started = [key for key, state in look(worker, due) if state == RUN]
    assert started == [f"{due[:10]}T10:00"]


def test_a_plan_without_a_decision_expires(worker: StoreWorker) -> None:
    states(worker, "2026-11-30 12:00:00", name="winback")
    slot = "2026-12-01T09:00"
    assert states(worker, "2026-12-01 08:00:05", name="winback") == [(slot, RunState.WAITING)]
    assert states(worker, "2026-12-03 08:00:06", name="winback") == [(slot, RunState.EXPIRED)]
