"""The rows of a batch job as neighbours: what fails for one row is recorded for that row, and the others are sent and settled.

Each function does the work for all rows at once. Only if that fails, it does it row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.answers import Answers
from tillroll.batches.job import POSTING, BatchJob, JobOutcome
from tillroll.batches.session import BatchSession
from tillroll.ecwid.endpoints.batches import InnerRequest
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.records import ItemFault

_Row = TypeVar("_Row")
_Outcome = TypeVar("_Outcome")
_Result = TypeVar("_Result")

_SET_ASIDE = timedelta(hours=1)  # how long a row rests that needs a developer


def requests_of(
    session: BatchSession, job: BatchJob[_Row, Any], rows: Sequence[_Row]
) -> Sequence[InnerRequest]:
    """Return the calls for the rows. A row whose call can't be built is left out: the batch ends without it.

    Raises what the first row raises if no call can be built: then the fault is the job's.
    """
    made = _for_each(session, job, rows, job.requests)
    requests = [request for some in made for request in some]
    return requests if requests or not rows else job.requests(rows)


def interpreted(
    session: BatchSession, job: BatchJob[_Row, Any], rows: Sequence[_Row], answers: Answers
) -> JobOutcome[Any]:
    """Return what the answers mean. A row whose answer can't be read counts as lost once the batch has finished."""

    def read(some: Sequence[_Row]) -> JobOutcome[Any]:
        return job.interpret(some, answers)

    unreadable: list[_Row] = []
    outcomes = _for_each(session, job, rows, read, failed=unreadable)
    if answers.finished:
        outcomes += _for_each(session, job, unreadable, job.interpret_lost)
    return JobOutcome(
        rows=[row for outcome in outcomes for row in outcome.rows],
        stopped=next((outcome.stopped for outcome in outcomes if outcome.stopped), ""),
    )


def write_outcome(
    session: BatchSession,
    job: BatchJob[_Row, _Outcome],
    rows: Sequence[_Row],
    outcome: JobOutcome[_Outcome],
    *,
    also: Callable[[Connection], object],
) -> None:
    """Write the outcomes of some rows, and in the same transaction what `also` writes.

    If that fails, each outcome is written in a transaction of its own, and `also` in the last one. A row whose outcome can't be
    written rests, and is then sent or looked up again: the job makes that harmless.
    """
    now = session.clock.now()
    of_row = {job.row_id(row): row for row in rows}

    def end(connection: Connection, failed: Sequence[tuple[_Outcome, ItemFault]]) -> None:
        for each, fault in failed:
            _rest(connection, job, job.settled_id(each), until=fault.not_before or now + _SET_ASIDE)
        also(connection)

    write_pieces(
        session.engine,
        outcome.rows,
        lambda connection, some: job.write(connection, JobOutcome(rows=some), now),
        name=lambda each: job.item(of_row[job.settled_id(each)]),
        stage=job.stage,
        now=now,
        also=end,
    )


def _rest(connection: Connection, job: BatchJob[Any, Any], number: int, *, until: datetime) -> None:
    """Let a row rest whose outcome can't be written."""
    rows, values = job.tables.rows, {**job.unwritten_values(), job.tables.chunk: None, "not_before": until}
    connection.execute(sa.update(rows).where(rows.c.id == number, rows.c.state == POSTING).values(values))


def _for_each(
    session: BatchSession,
    job: BatchJob[_Row, Any],
    rows: Sequence[_Row],
    work: Callable[[Sequence[_Row]], _Result],
    *,
    failed: list[_Row] | None = None,
) -> list[_Result]:
    """Return the results of the work for all rows, or for each that doesn't fail; add the others to `failed`."""
    if not rows:
        return []
    try:
        return [work(rows)]
    except Exception as fault:
        if concerns_everybody(fault):
            raise
    results: list[_Result] = []
    for row in rows:
        with contained(session.engine, job.item(row), stage=job.stage, now=session.clock.now()) as outcome:
            results.append(work([row]))
        if outcome.failed and failed is not None:
            failed.append(row)
    return results
