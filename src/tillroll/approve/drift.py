"""Deciding on drift: have a coupon fixed, or accept it as the store has it.

The decision and its audit row are one transaction. The loop carries a fix out as a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import AgreementTopic, approvers_for_runs, record_agreement
from tillroll.approve.change import require_may_decide
from tillroll.approve.decide import Person
from tillroll.campaign.states import (
    ChangeKind,
    ChangeState,
    CodeCause,
    CodeState,
    DriftKind,
    DriftState,
)
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.causes import code_cause
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope, add_change, add_parts
from tillroll.ledger.queries.drifts import DriftLine, load_drifts
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Code
from tillroll.ledger.tables import codes, drifts

_ACTIONS = {DriftKind.CHANGED: "update", DriftKind.DELETED: "create", DriftKind.STILL_THERE: "delete"}
"""What the store is asked for to fix a drift."""

_NOT_OURS = {
    DriftKind.STRAY: "import it with `tillroll adopt`, delete it in the store's admin, or accept it",
    DriftKind.CLASH: "a replacement was drawn for the code; delete the coupon in the store's admin, or accept it",
}

_TERMS = {
    "name": "name",
    "minimum": "minimum_subtotal",
    "uses": "uses_limit",
    "customers": "application_limit",
}
"""Field of a drift → what an adopted coupon's terms call it."""


def fix_drifts(
    engine: Engine, *, store_id: int, ids: Sequence[int], person: Person, note: str, now: datetime
) -> list[int] | PendingAgreement:
    """Have the store's coupons made what the ledger says. Returns the changes that do it, one for each run.

    Coupons that were deleted or switched off work again then, which takes as many approvers as their plans took: returns the
    pending agreement while approvers are missing. Raises `NotFound` and `Refused`.
    """
    with writing(engine) as connection:
        require_may_decide(person, store_id, "fix coupons")
        lock_store_row(connection, store_id)
        open_ = _open_drifts(connection, store_id, ids)
        if foreign := [drift for drift in open_ if drift.kind in _NOT_OURS]:
            first = foreign[0]
            raise Refused(f"Drift {first.id} is about a coupon that isn't ours.", hint=_NOT_OURS[first.kind])
        pending = _agree(connection, store_id, open_, person, note, now)
        if pending is not None:
            return pending
        change_ids = []
        for run_id in sorted({drift.run_id for drift in open_ if drift.run_id is not None}):
            of_run = [drift for drift in open_ if drift.run_id == run_id]
            scope = Scope(store_id=store_id, campaign=of_run[0].campaign or "", run_id=run_id)
            change_ids.append(_fix_run(connection, scope, of_run, person, note, now))
        return change_ids


def _agree(
    connection: Connection,
    store_id: int,
    open_: Sequence[DriftLine],
    person: Person,
    note: str,
    now: datetime,
) -> PendingAgreement | None:
    """Record that a person agrees to codes that work again; None once enough people have, or if no code does."""
    working_again = [drift for drift in open_ if _makes_work_again(drift)]
    if not working_again:
        return None
    needed = approvers_for_runs(
        connection, {drift.run_id for drift in working_again if drift.run_id is not None}
    )
    found_at = max(drift.found_at for drift in working_again)
    since = f"drift {', '.join(str(drift.id) for drift in open_)} found until {found_at.isoformat()}"
    topic = AgreementTopic(
        scope=Scope(store_id=store_id, campaign=""), kind="fix", since=since, needed=needed
    )
    return record_agreement(connection, topic, person=person, note=note, now=now)


def _makes_work_again(drift: DriftLine) -> bool:
    """Return whether fixing the drift makes a code work that doesn't now, or work for longer."""
    fields = {difference["field"]: difference["raw"] for difference in drift.differences}
    return drift.kind is DriftKind.DELETED or fields.get("status") == "PAUSED" or "ends" in fields


def _fix_run(
    connection: Connection,
    scope: Scope,
    of_run: Sequence[DriftLine],
    person: Person,
    note: str,
    now: datetime,
) -> int:
    change_id = add_change(
        connection,
        scope,
        ChangeKind.PUT_RIGHT,
        person=person.email,
        note=note,
        now=now,
        state=ChangeState.WORKING,
    )
    for kind, action in _ACTIONS.items():
        code_ids = [drift.code_id for drift in of_run if drift.kind is kind]
        rows = connection.execute(sa.select(codes).where(codes.c.id.in_(code_ids)))
        add_parts(connection, change_id, rows, action=action, now=now)
    ids = [drift.id for drift in of_run]
    decided = _decided(DriftState.FIXING, person, note, now)
    connection.execute(
        sa.update(drifts).where(drifts.c.id.in_(ids)).values({**decided, "change_id": change_id})
    )
    body = {"drifts": ids, "change": change_id, "note": note}
    audit.record(connection, at=now, actor=person.email, action="drift.fixing", subject=scope.key, body=body)
    return change_id


def accept_drifts(
    engine: Engine, *, store_id: int, ids: Sequence[int], person: Person, note: str, now: datetime
) -> None:
    """Accept coupons as the store has them: the ledger takes over what it can hold, and no longer shows the rest.

    Raises `NotFound` and `Refused`.
    """
    with writing(engine) as connection:
        require_may_decide(person, store_id, "accept what was changed in the store")
        accepted = _open_drifts(connection, store_id, ids)
        for drift in accepted:
            if drift.kind is DriftKind.CHANGED:
                _take_over(connection, drift, now)
        of_them = drifts.c.id.in_([drift.id for drift in accepted])
        decided = _decided(DriftState.ACCEPTED, person, note, now)
        connection.execute(sa.update(drifts).where(of_them).values(decided))
        differing = {
            str(drift.id): [f"{one['field']}: {one['store']}" for one in drift.differences]
            for drift in accepted
        }
        body = {"drifts": differing, "note": note}
        audit.record(
            connection, at=now, actor=person.email, action="drift.accepted", subject="store", body=body
        )


def _decided(state: DriftState, person: Person, note: str, now: datetime) -> dict[str, Any]:
    return {"state": state, "person": person.email, "note": note, "decided_at": now}


def _open_drifts(connection: Connection, store_id: int, ids: Sequence[int]) -> list[DriftLine]:
    """Return drifts that all wait for a decision. Raises `NotFound` and `Refused`."""
    named = load_drifts(connection, store_id, ids)
    if missing := sorted(set(ids) - {drift.id for drift in named}):
        raise NotFound(f"There is no drift {missing[0]}.", hint="See: tillroll drift")
    for drift in named:
        if drift.state is not DriftState.OPEN:
            raise Refused(f"Drift {drift.id} is {drift.state} already.", hint="See: tillroll drift")
    return named


def _take_over(connection: Connection, drift: DriftLine, now: datetime) -> None:
    """Write what the store says of a coupon to its code, as far as a code's row can hold it."""
    in_store = {difference["field"]: difference["raw"] for difference in drift.differences}
    row = connection.execute(sa.select(codes).where(codes.c.id == drift.code_id)).one()
    code = Code.from_row(row)
    run = load_run(connection, code.run_id)
    values: dict[str, Any] = {}
    if in_store.keys() & {"starts", "ends"}:
        values["valid_from"] = _moment(in_store.get("starts")) or code.valid_from or run.valid_from
        values["valid_until"] = _moment(in_store.get("ends")) or code.valid_until or run.valid_until
    if code.terms is not None:
        values["terms"] = {**code.terms, **_terms(in_store)}
    elif "value" in in_store:
        _, _, discount = in_store["value"].partition(" ")
        values["value"] = Decimal(discount)
    if in_store.get("status") == "ACTIVE":
        values |= {"state": CodeState.LIVE, **code_cause(CodeCause.NONE)}
    if "status" in in_store and code.cause is CodeCause.SWITCHED_OFF_IN_STORE:
        values |= code_cause(CodeCause.NONE)
    if values:
        connection.execute(
            sa.update(codes).where(codes.c.id == code.id).values({**values, "changed_at": now})
        )


def _terms(in_store: Mapping[str, str]) -> dict[str, Any]:
    """Return what an adopted coupon gives now."""
    terms: dict[str, Any] = {_TERMS[field]: raw for field, raw in in_store.items() if field in _TERMS}
    if "value" in in_store:
        terms["discount_type"], _, terms["discount"] = in_store["value"].partition(" ")
    return terms


def _moment(raw: str | None) -> datetime | None:
    return datetime.fromisoformat(raw) if raw else None
