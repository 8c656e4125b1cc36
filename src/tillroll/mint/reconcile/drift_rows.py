"""The rows of drifts: one for each code, opened when a difference is found, updated while it is seen, and closed after that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import (
    CHANGE_OPEN,
    CODE_IN_STORE,
    DRIFT_OPEN,
    CodeCause,
    CodeState,
    DriftKind,
    DriftState,
)
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.records import Code, Drift
from tillroll.ledger.tables import changes, codes, drifts


def record_drift(
    connection: Connection,
    *,
    store_id: int,
    kind: DriftKind,
    code: str,
    code_id: int | None,
    coupon_id: int | None,
    differences: Sequence[dict[str, Any]],
    now: datetime,
) -> bool:
    """Record a drift, or that it was seen again. Returns whether it is new.

    An accepted drift stays accepted until something else differs.
    """
    row = {
        "store_id": store_id,
        "code": code.upper(),
        "code_id": code_id,
        "coupon_id": coupon_id,
        "kind": kind,
        "state": DriftState.OPEN,
        "differences": list(differences),
        "found_at": now,
        "seen_at": now,
    }
    if insert_if_new(connection, drifts, row):
        return True
    same = (drifts.c.store_id == store_id, drifts.c.code == code.upper())
    recorded = Drift.from_row(connection.execute(sa.select(drifts).where(*same)).one())
    values: dict[str, Any] = {"seen_at": now}
    if not _is_unchanged(connection, recorded, kind, differences):
        values = {**row, "person": "", "note": "", "decided_at": None, "change_id": None}
        if recorded.state == DriftState.OPEN:
            values["found_at"] = recorded.found_at
    connection.execute(sa.update(drifts).where(drifts.c.id == recorded.id).values(values))
    return "state" in values and recorded.state != DriftState.OPEN


def _is_unchanged(
    connection: Connection, recorded: Drift, kind: DriftKind, differences: Sequence[dict[str, Any]]
) -> bool:
    """Return whether the recorded drift covers the differences, so that nothing new has to be decided."""
    match recorded.state:
        case DriftState.OPEN:
            return bool(recorded.kind == kind and recorded.differences == list(differences))
        case DriftState.ACCEPTED:
            return recorded.kind == kind and _is_within(differences, recorded.differences)
        case DriftState.FIXING:  # if its change has ended, the fix failed, and a person decides again
            state = connection.scalar(sa.select(changes.c.state).where(changes.c.id == recorded.change_id))
            return state in CHANGE_OPEN
        case _:
            return False


def _is_within(differences: Sequence[dict[str, Any]], accepted: Sequence[dict[str, Any]]) -> bool:
    """Return whether all differences are among the accepted ones, with the same values in the store."""
    allowed = {(difference["field"], difference["raw"]) for difference in accepted}
    return all((difference["field"], difference["raw"]) in allowed for difference in differences)


def close_unseen(connection: Connection, store_id: int, *, since: datetime, now: datetime) -> int:
    """Close the drifts that a whole comparison did not see any more. Returns how many.

    Deleted coupons are never seen: those drifts stay open until a person decides. So do those with an open change.
    """
    in_change = sa.exists().where(
        changes.c.id == drifts.c.change_id, changes.c.state.in_(sorted(CHANGE_OPEN))
    )
    is_open = (drifts.c.state.in_(sorted(DRIFT_OPEN)), drifts.c.kind != DriftKind.DELETED, ~in_change)
    where = (drifts.c.store_id == store_id, *is_open, drifts.c.seen_at < since)
    values = {"state": DriftState.OVER, "decided_at": now}
    return connection.execute(sa.update(drifts).where(*where).values(values)).rowcount


def record_gone(connection: Connection, code: Code, now: datetime) -> None:
    """Revoke a code whose coupon was deleted in the store's admin, and record the drift."""
    in_store = (codes.c.id == code.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    values = {
        "state": CodeState.REVOKED,
        "cause": CodeCause.NONE,
        "reason": "gone from the store",
        "changed_at": now,
    }
    connection.execute(sa.update(codes).where(*in_store).values(values))
    record_drift(
        connection,
        store_id=code.store_id,
        kind=DriftKind.DELETED,
        code=code.code,
        code_id=code.id,
        coupon_id=code.coupon_id,
        differences=[],
        now=now,
    )
    body = {"code_id": code.id, "coupon_id": code.coupon_id}
    audit.record(
        connection, at=now, actor="loop", action="code.gone", subject=f"run {code.run_id}", body=body
    )
