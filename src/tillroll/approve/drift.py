"""A person's word on drift: put it right, or let the store's way stand. The word and its audit row are one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import Matter, agree, people_for
from tillroll.approve.change import needed_role
from tillroll.approve.decide import Person
from tillroll.campaign.states import (
    SWITCHED_OFF_THERE,
    ChangeKind,
    ChangeState,
    CodeState,
    DriftKind,
    DriftState,
)
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.changes import Scope, add_change, add_parts
from tillroll.ledger.engine import take_turn, writing
from tillroll.ledger.tables import codes, drifts, runs

_ACTIONS = {DriftKind.CHANGED: "update", DriftKind.DELETED: "create", DriftKind.STILL_THERE: "delete"}
"""What the store is asked for to put a drift right."""

_NOT_OURS = {
    DriftKind.STRAY: "take it into the ledger with `tillroll adopt`, delete it in the store's admin, or accept it",
    DriftKind.CLASH: "a replacement was drawn for the code; delete the coupon in the store's admin, or accept it",
}


def fix(
    engine: Engine, *, store_id: int, ids: Sequence[int], person: Person, note: str, now: datetime
) -> list[int] | Agreed:
    """Have the store's coupons made again what the ledger says; the changes that do it, one for each run.

    Those that were deleted or switched off work again then: who has agreed so far, if it takes more people.
    """
    with writing(engine) as connection:
        needed_role(person, "put coupons right")
        take_turn(connection, store_id)
        rows = _open(connection, store_id, ids)
        if foreign := [row for row in rows if row.kind in _NOT_OURS]:
            first = foreign[0]
            raise Refused(f"Drift {first.id} is about a coupon that isn't ours.", hint=_NOT_OURS[first.kind])
        if (waits := _agree(connection, store_id, rows, person, note, now)) is not None:
            return waits
        made = []
        for run_id in sorted({row.run_id for row in rows}):
            of_run = [row for row in rows if row.run_id == run_id]
            scope = Scope(store_id=store_id, campaign=of_run[0].campaign, run_id=run_id)
            made.append(_fix_run(connection, scope, of_run, person, note, now))
        return made


def _agree(
    connection: Connection,
    store_id: int,
    rows: Sequence[sa.Row[Any]],
    person: Person,
    note: str,
    now: datetime,
) -> Agreed | None:
    """A person's word; None once there are enough for the codes that work again."""
    again = [row for row in rows if _works_again(row)]
    if not again:
        return None
    needed = people_for(connection, {row.run_id for row in again})
    found = max(row.found_at for row in again)
    about = f"drift {', '.join(str(row.id) for row in rows)} found until {found.isoformat()}"
    matter = Matter(scope=Scope(store_id=store_id, campaign=""), kind="fix", since=about, needed=needed)
    return agree(connection, matter, person=person, note=note, now=now)


def _works_again(row: sa.Row[Any]) -> bool:
    """Whether putting it right makes a code work that doesn't now, or for longer."""
    off = any((one["field"], one["raw"]) == ("status", "PAUSED") for one in row.differences)
    return row.kind == DriftKind.DELETED or off or any(one["field"] == "ends" for one in row.differences)


def _fix_run(
    connection: Connection,
    scope: Scope,
    rows: Sequence[sa.Row[Any]],
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
        ids = [row.code_id for row in rows if row.kind == kind]
        found = list(connection.execute(sa.select(codes).where(codes.c.id.in_(ids))))
        add_parts(connection, change_id, found, action=action, now=now)
    values = {
        "state": DriftState.FIXING,
        "change_id": change_id,
        "person": person.email,
        "note": note,
        "decided_at": now,
    }
    connection.execute(sa.update(drifts).where(drifts.c.id.in_([row.id for row in rows])).values(values))
    body = {"drifts": [row.id for row in rows], "change": change_id, "note": note}
    audit.record(connection, at=now, actor=person.email, action="drift.fixing", subject=str(scope), body=body)
    return change_id


def accept(
    engine: Engine, *, store_id: int, ids: Sequence[int], person: Person, note: str, now: datetime
) -> None:
    """Let the store's way stand: what the ledger can say of it, it says from now on; the rest is not shown again."""
    with writing(engine) as connection:
        needed_role(person, "accept what was changed in the store")
        rows = _open(connection, store_id, ids)
        for row in rows:
            if row.kind == DriftKind.CHANGED:
                _take_over(connection, row, now)
        values = {
            "state": DriftState.ACCEPTED,
            "person": person.email,
            "note": note,
            "decided_at": now,
        }
        connection.execute(sa.update(drifts).where(drifts.c.id.in_([row.id for row in rows])).values(values))
        said = {str(row.id): [f"{one['field']}: {one['store']}" for one in row.differences] for row in rows}
        body = {"drifts": said, "note": note}
        audit.record(
            connection, at=now, actor=person.email, action="drift.accepted", subject="store", body=body
        )


def _open(connection: Connection, store_id: int, ids: Sequence[int]) -> list[sa.Row[Any]]:
    """The drifts, which all wait for a decision; with the run and campaign of their codes."""
    query = (
        sa.select(drifts, codes.c.run_id, runs.c.campaign)
        .outerjoin(codes, codes.c.id == drifts.c.code_id)
        .outerjoin(runs, runs.c.id == codes.c.run_id)
        .where(drifts.c.store_id == store_id, drifts.c.id.in_(ids))
    )
    rows = list(connection.execute(query.order_by(drifts.c.id)))
    if lacking := sorted(set(ids) - {row.id for row in rows}):
        raise NotFound(f"There is no drift {lacking[0]}.", hint="See: tillroll drift")
    for row in rows:
        if row.state != DriftState.OPEN:
            raise Refused(f"Drift {row.id} is {row.state} already.", hint="See: tillroll drift")
    return rows


def _take_over(connection: Connection, row: sa.Row[Any], now: datetime) -> None:
    """What the store says of a coupon, as far as a code's row can say it."""
    said = {one["field"]: one["raw"] for one in row.differences}
    code = connection.execute(sa.select(codes).where(codes.c.id == row.code_id)).one()
    run = connection.execute(sa.select(runs).where(runs.c.id == code.run_id)).one()
    values: dict[str, Any] = {}
    if said.keys() & {"starts", "ends"}:
        values["valid_from"] = _when(said.get("starts")) or code.valid_from or run.valid_from
        values["valid_until"] = _when(said.get("ends")) or code.valid_until or run.valid_until
    if code.terms is not None:
        values["terms"] = {**code.terms, **_terms(said)}
    elif "value" in said:
        values["value"] = Decimal(said["value"].rpartition(" ")[2])
    if "status" in said and said["status"] == "ACTIVE":
        values |= {"state": CodeState.LIVE, "reason": ""}
    if "status" in said and code.reason == SWITCHED_OFF_THERE:
        values["reason"] = ""
    if values:
        connection.execute(
            sa.update(codes).where(codes.c.id == code.id).values({**values, "changed_at": now})
        )


def _terms(said: Mapping[str, str]) -> dict[str, Any]:
    """What an adopted coupon gives now."""
    names = {
        "name": "name",
        "minimum": "minimum_subtotal",
        "uses": "uses_limit",
        "customers": "application_limit",
    }
    found: dict[str, Any] = {names[field]: raw for field, raw in said.items() if field in names}
    if "value" in said:
        found["discount_type"], _, found["discount"] = said["value"].partition(" ")
    return found


def _when(raw: str | None) -> datetime | None:
    return datetime.fromisoformat(raw) if raw else None
