"""Figures over all stores of the installation, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.queries.changes import ADOPTED
from tillroll.ledger.tables import code_counts, drifts, events, message_counts, runs, stores

_COUNTED = {"runs": runs, "codes": code_counts, "messages": message_counts, "drifts": drifts}


@dataclass(frozen=True, kw_only=True)
class StateCount:
    """How many rows of one kind a store has in one state."""

    kind: str  # runs, codes, messages or drifts
    ecwid_id: int
    state: str
    count: int


def count_by_state(connection: Connection) -> list[StateCount]:
    """Count runs, codes, messages and drifts by store and state. Adopted codes are left out: others made them."""
    counts = []
    for kind, table in _COUNTED.items():
        count = sa.func.sum(table.c.n) if "n" in table.c else sa.func.count()
        query = (
            sa.select(stores.c.ecwid_id, table.c.state, count.label("count"))
            .join(stores, stores.c.id == table.c.store_id)
            .group_by(stores.c.ecwid_id, table.c.state)
        )
        if table is code_counts:
            query = query.join(runs, runs.c.id == table.c.run_id).where(runs.c.kind != ADOPTED)
        for ecwid_id, state, number in connection.execute(query):
            if number:
                counts.append(StateCount(kind=kind, ecwid_id=ecwid_id, state=state, count=int(number)))
    return counts


def count_waiting_events(connection: Connection) -> dict[int, int]:
    """Count the webhooks that are stored but not handled yet, by the store's Ecwid number."""
    query = (
        sa.select(stores.c.ecwid_id, sa.func.count(events.c.id))
        .outerjoin(events, sa.and_(events.c.store_id == stores.c.id, events.c.handled_at.is_(None)))
        .group_by(stores.c.ecwid_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
