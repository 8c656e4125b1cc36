"""Drift: the coupons of a store that differ from the ledger, as commands and pages show them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import DriftKind, DriftState
from tillroll.ledger.records import Drift
from tillroll.ledger.tables import codes, drifts, runs, stores

_SENTENCES = {
    DriftKind.DELETED: "deleted in the store",
    DriftKind.STILL_THERE: "revoked here, but still in the store",
    DriftKind.CLASH: "created by hand with a code that Tillroll drew",
    DriftKind.STRAY: "looks like one of ours, but is not in the ledger",
}


@dataclass(frozen=True, kw_only=True)
class DriftLine(Drift):
    """One drift in a list, with the run and the campaign of its code."""

    run_id: int | None  # None: the ledger does not know the code
    campaign: str | None


def say_drift(drift: Drift) -> str:
    """Return what differs, as a sentence: `value: 10% → 15%`."""
    if drift.kind is DriftKind.CHANGED:
        return "; ".join(f"{part['field']}: {part['ledger']} → {part['store']}" for part in drift.differences)
    return _SENTENCES[drift.kind]


def list_drifts(
    connection: Connection, store_id: int, *, states: Collection[DriftState], limit: int = 10_000
) -> list[DriftLine]:
    """Return the drifts in some states, oldest first."""
    query = _lines_of(store_id).where(drifts.c.state.in_(sorted(states))).limit(limit)
    return [DriftLine.from_row(row) for row in connection.execute(query)]


def load_drifts(connection: Connection, store_id: int, ids: Collection[int]) -> list[DriftLine]:
    """Return these drifts of a store, oldest first; those that it does not have are left out."""
    query = _lines_of(store_id).where(drifts.c.id.in_(ids))
    return [DriftLine.from_row(row) for row in connection.execute(query)]


def _lines_of(store_id: int) -> sa.Select[Any]:
    return (
        sa.select(drifts, codes.c.run_id, runs.c.campaign)
        .outerjoin(codes, codes.c.id == drifts.c.code_id)
        .outerjoin(runs, runs.c.id == codes.c.run_id)
        .where(drifts.c.store_id == store_id)
        .order_by(drifts.c.id)
    )


def say_first_comparison(connection: Connection, store_id: int) -> str:
    """Return when a store's coupons are first compared with the ledger, as a sentence; empty after that."""
    drift_at = connection.scalar(sa.select(stores.c.drift_at).where(stores.c.id == store_id))
    if drift_at is not None:
        return ""
    if not connection.scalar(sa.select(sa.exists().where(codes.c.store_id == store_id))):
        return "There are no codes yet; the first comparison follows once there are, then one every night."
    return "The worker makes the first one as soon as nothing more urgent is waiting, then one every night."


def count_open_drifts(connection: Connection, store_id: int) -> int:
    """Count the drifts that wait for a decision."""
    where = (drifts.c.store_id == store_id, drifts.c.state == DriftState.OPEN)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(drifts).where(*where)) or 0)
