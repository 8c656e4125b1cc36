"""Send runs back to planning whose plan was made from files that are no longer in force, and record what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.sentences.changes import compare_revisions
from tillroll.campaign.states import RunState
from tillroll.ledger import audit
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.runs import move_run
from tillroll.ledger.tables import plans, runs

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)
_NAMED = 2  # changes that a reason names; the run's page lists them all
ONLY_LAYOUT = "only comments or layout differ"


def send_back(
    connection: Connection,
    *,
    store_id: int,
    campaign: str,
    revision_id: int | None,
    gone: bool,
    now: datetime,
) -> int:
    """Send back the runs that were planned from another revision and have not begun; return how many.

    `revision_id` is the one in force; None while the campaign's files have faults or are `gone`.
    """
    planned: sa.Select[Any] = sa.select(runs.c.id, runs.c.state, plans.c.revision_id, plans.c.digest)
    query = planned.join(plans, plans.c.id == runs.c.plan_id).where(
        runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.state.in_(_NOT_BEGUN)
    )
    if revision_id is not None:
        query = query.where(plans.c.revision_id != revision_id)
    planned_runs = [_PlannedRun(**row._mapping) for row in connection.execute(query.order_by(runs.c.id))]
    for run in planned_runs:
        why = _why(connection, run.revision_id, revision_id, gone=gone)
        _send_run_back(connection, run, why, now)
    return len(planned_runs)


@dataclass(frozen=True, kw_only=True)
class _PlannedRun:
    """A run that was planned or approved, with the revision of its plan."""

    id: int
    state: str
    revision_id: int
    digest: str


def _send_run_back(connection: Connection, run: _PlannedRun, why: str, now: datetime) -> None:
    """Send one run back, unless it has moved meanwhile."""
    approved = run.state == RunState.APPROVED
    reason = f"its approval is void: {why}" if approved else why
    moved = move_run(
        connection,
        run.id,
        was={RunState(run.state)},
        to=RunState.PLANNING,
        now=now,
        reason=reason,
        plan_id=None,
        not_before=None,
    )
    if moved:
        body = {"reasons": [why], "digest": run.digest, "approved": approved}
        audit.record(
            connection, at=now, actor="loop", action="plan.sent_back", subject=f"run {run.id}", body=body
        )


def _why(connection: Connection, before: int, after: int | None, *, gone: bool) -> str:
    """Return what has changed, as a clause."""
    if after is None:
        return "its file is gone" if gone else "its files have faults now"
    was, now = load_revision(connection, before), load_revision(connection, after)
    return (
        f"its files changed: {summarise(difference.sentence() for difference in compare_revisions(was, now))}"
    )


def summarise(sentences: Iterable[str]) -> str:
    """Join the first few sentences, and say how many more there are."""
    parts = list(sentences) or [ONLY_LAYOUT]
    more = f"; and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return "; ".join(parts[:_NAMED]) + more
