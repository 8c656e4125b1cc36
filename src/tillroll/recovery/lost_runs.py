"""Runs that began in the lost time: the ledger gets a row for each, halted, so that nothing of them is done again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import RunState
from tillroll.ledger.engine import insert_if_new, restart_numbering, writing
from tillroll.ledger.queries.runs import move_run, runs_in
from tillroll.ledger.tables import runs
from tillroll.recovery.decide import BegunRun
from tillroll.recovery.doubt import NOT_BEGUN, Doubt
from tillroll.recovery.import_unknown import lost_slot

_BEGAN = "it began after the ledger's backup was taken"
_MAY_HAVE_BEGUN = "it may have begun after the ledger's backup was taken"


def halt_lost_runs(
    engine: Engine, store_id: int, doubt: Doubt, *, reports_complete: bool, now: datetime
) -> None:
    """Halt the runs that began in the lost time, and insert those that the ledger doesn't know. Safe to repeat.

    `reports_complete`: the store has kept a list of the runs that began. If it has not, every run that waits may have begun.
    """
    reported = {run.run_id: run for run in doubt.lost}
    with writing(engine) as connection:
        for run_id in sorted(reported.keys() | doubt.codes_by_run.keys()):
            reason = _reason(doubt.codes_by_run, run_id)
            if not move_run(connection, run_id, was=NOT_BEGUN, to=RunState.HALTED, now=now, reason=reason):
                _insert_lost(connection, store_id, run_id, reported.get(run_id), reason, now)
        restart_numbering(connection, runs)
        if not reports_complete:
            for run in runs_in(connection, store_id, NOT_BEGUN):
                move_run(
                    connection, run.id, was=NOT_BEGUN, to=RunState.HALTED, now=now, reason=_MAY_HAVE_BEGUN
                )


def _reason(codes_by_run: Mapping[int, int], run_id: int) -> str:
    count = codes_by_run.get(run_id, 0)
    if count == 1:
        return f"{_BEGAN}; 1 of its codes is in the store and was unknown here"
    return f"{_BEGAN}; {count:,} of its codes are in the store and were unknown here"


def _insert_lost(
    connection: Connection, store_id: int, run_id: int, reported: BegunRun | None, reason: str, now: datetime
) -> None:
    row = {
        "id": run_id,
        "store_id": store_id,
        "campaign": reported.campaign if reported is not None else "unknown",
        "slot_key": reported.slot_key if reported is not None else f"run {run_id}",
        "slot_at": now,
        "state": RunState.HALTED,
        "reason": reason,
        "started_by": "before the restore",
        "created_at": now,
        "changed_at": now,
        "finished_at": now,
    }
    existing = connection.execute(sa.select(runs.c.store_id).where(runs.c.id == run_id)).first()
    if existing is not None and existing.store_id == store_id and reported is None:
        return  # the ledger knows that this run began; only some of its codes were unknown
    if existing is None and insert_if_new(connection, runs, row):
        return
    del row["id"]  # another run has this number or slot by now
    insert_if_new(connection, runs, {**row, "slot_key": lost_slot(run_id), "lost_run_id": run_id})
