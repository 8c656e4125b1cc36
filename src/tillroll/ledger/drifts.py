"""Reading drift back, for commands and pages: what differs, in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import DriftKind, DriftState
from tillroll.ledger.tables import codes, drifts, runs, stores

_SAYS = {
    DriftKind.DELETED: "deleted in the store",
    DriftKind.STILL_THERE: "was taken out of the store, and is there",
    DriftKind.CLASH: "made by hand with a code that Tillroll drew",
    DriftKind.STRAY: "looks like one of ours, and the ledger doesn't know it",
}


def say_drift(row: sa.Row[Any]) -> str:
    """What is the matter, in words: `value: 10 % → 15 %`."""
    if row.kind == DriftKind.CHANGED:
        return "; ".join(f"{one['field']}: {one['ledger']} → {one['store']}" for one in row.differences)
    return _SAYS[DriftKind(row.kind)]


def list_drifts(
    connection: Connection, store_id: int, *, states: Collection[DriftState], limit: int = 10_000
) -> list[sa.Row[Any]]:
    """Drifts in some states, the oldest first, with the run and campaign of their codes."""
    query = (
        sa.select(drifts, codes.c.run_id, runs.c.campaign)
        .outerjoin(codes, codes.c.id == drifts.c.code_id)
        .outerjoin(runs, runs.c.id == codes.c.run_id)
        .where(drifts.c.store_id == store_id, drifts.c.state.in_(sorted(states)))
    )
    return list(connection.execute(query.order_by(drifts.c.id).limit(limit)))


def say_first_look(connection: Connection, store_id: int) -> str:
    """When a store's coupons are compared for the first time; empty once they were."""
    store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    if store.drift_at is not None:
        return ""
    if not connection.scalar(sa.select(sa.exists().where(codes.c.store_id == store_id))):
        return "There are no codes yet: the first look follows when some were made, and then there is one each night."
    return "The worker makes the first one as soon as nothing more urgent waits, and then one each night."


def open_drifts(connection: Connection, store_id: int) -> int:
    """How many wait for a decision."""
    where = (drifts.c.store_id == store_id, drifts.c.state == DriftState.OPEN)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(drifts).where(*where)) or 0)
