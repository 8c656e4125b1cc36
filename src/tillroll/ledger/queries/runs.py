"""Loading runs and changing their state by compare-and-set: a state is only written over the state that was read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import RUN_FINAL, ItemKind, RunState
from tillroll.ledger.engine import fetch_one
from tillroll.ledger.faults.rows import FaultyItem, is_resting
from tillroll.ledger.records import Run
from tillroll.ledger.tables import runs


def load_run(connection: Connection, run_id: int) -> Run:
    """Return a run. Raises `NotFound`."""
    query = sa.select(runs).where(runs.c.id == run_id)
    return Run.from_row(fetch_one(connection, query, missing=f"There is no run {run_id}."))


def store_id_of_run(connection: Connection, run_id: int) -> int | None:
    """Return the row id of a run's store, or None if there is no such run."""
    store_id: int | None = connection.scalar(sa.select(runs.c.store_id).where(runs.c.id == run_id))
    return store_id


def move_run(
    connection: Connection,
    run_id: int,
    *,
    was: Collection[RunState],
    to: RunState,
    now: datetime,
    reason: str = "",
    **also: Any,
) -> bool:
    """Write a run's next state if it is still in one of the states `was`. Returns whether it was."""
    values = {"state": to, "reason": reason, "not_before": None, "changed_at": now, **also}
    values["finished_at"] = now if to in RUN_FINAL else None
    statement = sa.update(runs).where(runs.c.id == run_id, runs.c.state.in_(tuple(was))).values(values)
    return connection.execute(statement).rowcount == 1


def defer_run(connection: Connection, run_id: int, *, until: datetime, reason: str) -> None:
    """Do nothing with a run until a moment; the reason is shown to people."""
    connection.execute(sa.update(runs).where(runs.c.id == run_id).values(not_before=until, reason=reason))


def runs_in(
    connection: Connection, store_id: int, states: Collection[RunState], *, now: datetime | None = None
) -> list[Run]:
    """Return the store's runs in some states, oldest first; with `now`, those that may be worked on.

    Runs that are deferred may not, nor those that pause after a fault or are set aside because of one.
    """
    query = (
        sa.select(runs)
        .where(runs.c.store_id == store_id, runs.c.state.in_(tuple(states)))
        .order_by(runs.c.id)
    )
    if now is not None:
        resting = is_resting(ItemKind.RUN, store_id, runs.c.id, now=now)
        query = query.where(sa.or_(runs.c.not_before.is_(None), runs.c.not_before <= now), ~resting)
    return [Run.from_row(row) for row in connection.execute(query)]


def run_item(run: Run) -> FaultyItem:
    """Return what a fault calls a run."""
    return FaultyItem(
        store_id=run.store_id, kind=ItemKind.RUN, name=str(run.id), run_id=run.id, campaign=run.campaign
    )


def has_runs(connection: Connection, store_id: int, campaign: str) -> bool:
    """Return whether a campaign has had a run in the store."""
    query = sa.exists().where(runs.c.store_id == store_id, runs.c.campaign == campaign)
    return bool(connection.scalar(sa.select(query)))
