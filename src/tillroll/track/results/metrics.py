"""Figures over all stores of the installation, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.tables import codes, drifts, events, messages, runs, stores

_COUNTED = {"runs": runs, "codes": codes, "messages": messages, "drifts": drifts}


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
        query = (
            sa.select(stores.c.ecwid_id, table.c.state, sa.func.count().label("count"))
            .join(stores, stores.c.id == table.c.store_id)
            .group_by(stores.c.ecwid_id, table.c.state)
        )
        if table is codes:
            query = query.where(codes.c.terms.is_(None))
        for ecwid_id, state, count in connection.execute(query):
            counts.append(StateCount(kind=kind, ecwid_id=ecwid_id, state=state, count=count))
    return counts


def count_waiting_events(connection: Connection) -> dict[int, int]:
    """Count the webhooks that are stored but not handled yet, by the store's Ecwid number."""
    query = (
        sa.select(stores.c.ecwid_id, sa.func.count(events.c.id))
        .outerjoin(events, sa.and_(events.c.store_id == stores.c.id, events.c.handled_at.is_(None)))
        .group_by(stores.c.ecwid_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
