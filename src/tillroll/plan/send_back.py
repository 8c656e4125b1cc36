"""Runs whose plan was made of files that are no longer in force go back to planning, and say what changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.sentences.changes import changes
from tillroll.campaign.states import RunState
from tillroll.ledger import audit
from tillroll.ledger.plans import load_revision
from tillroll.ledger.runs import move_run
from tillroll.ledger.tables import plans, runs

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)
_SAID = 2  # changes that are named; the run's page has them all
ONLY_LAYOUT = "only comments or layout are different"


def send_back(
    connection: Connection,
    *,
    store_id: int,
    campaign: str,
    revision_id: int | None,
    gone: bool,
    now: datetime,
) -> int:
    """Send back what was planned or approved of another revision and hasn't begun; returns how many runs.

    `revision_id` is what is in force now; None while the campaign's files have faults or are `gone`.
    """
    made: sa.Select[Any] = sa.select(runs.c.id, runs.c.state, plans.c.revision_id, plans.c.digest)
    query = made.join(plans, plans.c.id == runs.c.plan_id).where(
        runs.c.store_id == store_id, runs.c.campaign == campaign, runs.c.state.in_(_NOT_BEGUN)
    )
    if revision_id is not None:
        query = query.where(plans.c.revision_id != revision_id)
    found = connection.execute(query.order_by(runs.c.id)).all()
    for run in found:
        why = _why(connection, run.revision_id, revision_id, gone=gone)
        _send_one(connection, run, why, now)
    return len(found)


def _send_one(connection: Connection, run: sa.Row[Any], why: str, now: datetime) -> None:
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
    """What is different, as the end of a sentence."""
    if after is None:
        return "its file is gone" if gone else "its files have faults now"
    was, now = load_revision(connection, before), load_revision(connection, after)
    return f"its files changed: {in_short(one.said() for one in changes(was, now))}"


def in_short(said: Iterable[str]) -> str:
    """The first few of several sentences, and how many more there are."""
    every = list(said) or [ONLY_LAYOUT]
    more = f"; and {len(every) - _SAID} more" if len(every) > _SAID else ""
    return "; ".join(every[:_SAID]) + more
