"""Moving a run along, by compare-and-set: a state is only written where the state that was read still stands."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import RUN_FINAL, RunState
from tillroll.ledger.engine import one
from tillroll.ledger.tables import runs


def load_run(connection: Connection, run_id: int) -> sa.Row[Any]:
    """A run's row; `NotFound` when there is none."""
    return one(connection, sa.select(runs).where(runs.c.id == run_id), missing=f"There is no run {run_id}.")


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
    """Write a run's next state if it is still in one of the states it was seen in; whether that was so."""
    values = {"state": to, "reason": reason, "not_before": None, "changed_at": now, **also}
    values["finished_at"] = now if to in RUN_FINAL else None
    statement = sa.update(runs).where(runs.c.id == run_id, runs.c.state.in_(tuple(was))).values(values)
    return connection.execute(statement).rowcount == 1


def put_off(connection: Connection, run_id: int, *, until: datetime, reason: str) -> None:
    """Leave a run as it is until then, saying why."""
    connection.execute(sa.update(runs).where(runs.c.id == run_id).values(not_before=until, reason=reason))


def runs_in(
    connection: Connection, store_id: int, states: Collection[RunState], *, now: datetime | None = None
) -> list[sa.Row[Any]]:
    """The store's runs in some states, oldest first; with `now`, only those that aren't put off."""
    query = (
        sa.select(runs)
        .where(runs.c.store_id == store_id, runs.c.state.in_(tuple(states)))
        .order_by(runs.c.id)
    )
    if now is not None:
        query = query.where(sa.or_(runs.c.not_before.is_(None), runs.c.not_before <= now))
    return list(connection.execute(query).all())
