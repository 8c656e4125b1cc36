"""Writing down what was found: one row a code, which is opened, goes on being seen, and is over."""

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
    CodeState,
    DriftKind,
    DriftState,
)
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new
from tillroll.ledger.tables import changes, codes, drifts


def note(
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
    """Write a drift down, or that it is still there; whether it is new. What was accepted stays so until more differs."""
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
    known = connection.execute(sa.select(drifts).where(*same)).one()
    values: dict[str, Any] = {"seen_at": now}
    if not _still_so(connection, known, kind, differences):
        values = {**row, "person": "", "note": "", "decided_at": None, "change_id": None}
        if known.state == DriftState.OPEN:
            values["found_at"] = known.found_at
    connection.execute(sa.update(drifts).where(drifts.c.id == known.id).values(values))
    return "state" in values and known.state != DriftState.OPEN


def _still_so(
    connection: Connection, known: sa.Row[Any], kind: DriftKind, found: Sequence[dict[str, Any]]
) -> bool:
    """Whether what was found is what is written down, and nothing new has to be decided."""
    match known.state:
        case DriftState.OPEN:
            return bool(known.kind == kind and known.differences == list(found))
        case DriftState.ACCEPTED:
            return bool(known.kind == kind and _within(found, known.differences))
        case DriftState.FIXING:  # if its change is over, it came to nothing, and a person is asked again
            state = connection.scalar(sa.select(changes.c.state).where(changes.c.id == known.change_id))
            return bool(state in CHANGE_OPEN)
        case _:
            return False


def _within(found: Sequence[dict[str, Any]], accepted: Sequence[dict[str, Any]]) -> bool:
    known = {(one["field"], one["raw"]) for one in accepted}
    return all((one["field"], one["raw"]) in known for one in found)


def close_unseen(connection: Connection, store_id: int, *, since: datetime, now: datetime) -> int:
    """What a whole look didn't see any more is over; how many. What is gone isn't seen: a person decides on it."""
    at_it = sa.exists().where(changes.c.id == drifts.c.change_id, changes.c.state.in_(sorted(CHANGE_OPEN)))
    open_ = (drifts.c.state.in_(sorted(DRIFT_OPEN)), drifts.c.kind != DriftKind.DELETED, ~at_it)
    where = (drifts.c.store_id == store_id, *open_, drifts.c.seen_at < since)
    values = {"state": DriftState.OVER, "decided_at": now}
    return connection.execute(sa.update(drifts).where(*where).values(values)).rowcount


def gone_from_store(connection: Connection, row: sa.Row[Any], now: datetime) -> None:
    """A coupon of ours was deleted in the store's admin: its code is revoked, and a person sees it. `row`: the code."""
    where = (codes.c.id == row.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    values = {"state": CodeState.REVOKED, "reason": "gone from the store", "changed_at": now}
    connection.execute(sa.update(codes).where(*where).values(values))
    note(
        connection,
        store_id=row.store_id,
        kind=DriftKind.DELETED,
        code=row.code,
        code_id=row.id,
        coupon_id=row.coupon_id,
        differences=[],
        now=now,
    )
    body = {"code_id": row.id, "coupon_id": row.coupon_id}
    audit.record(connection, at=now, actor="loop", action="code.gone", subject=f"run {row.run_id}", body=body)
