"""The rows of faults: recording one more, which items rest because of one, and what people see and release."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.states import RUN_FINAL, FaultState, ItemKind, Stage
from tillroll.ledger import audit
from tillroll.ledger.engine import fetch_one, insert_if_new, writing
from tillroll.ledger.records import ItemFault
from tillroll.ledger.tables import faults, runs

MOST_IN_A_ROW = 3
"""An item that failed so often in a row is set aside."""

_RETRIES = RetryPolicy(first_pause=timedelta(seconds=30), longest_pause=timedelta(minutes=5))
_SAME_ROW = timedelta(hours=1)  # a fault that comes later than this begins a new row of failures
_NEVER_SET_ASIDE = frozenset(
    {ItemKind.STORE, ItemKind.AREA}
)  # too much depends on them; their pauses grow instead
_AUDITED = frozenset({ItemKind.CAMPAIGN, ItemKind.RUN, ItemKind.CHANGE, ItemKind.CHUNK, ItemKind.ENTRY})


@dataclass(frozen=True, kw_only=True)
class FaultyItem:
    """One item of a loop, as a fault names it."""

    store_id: int
    kind: ItemKind
    name: str  # its number or name
    run_id: int | None = None  # the run it belongs to
    campaign: str = ""  # the campaign it belongs to


def record_fault(
    engine: Engine,
    item: FaultyItem,
    *,
    stage: Stage,
    error: str,
    place: str,
    now: datetime,
    for_good: bool = False,
) -> ItemFault:
    """Record one more fault of an item, and set the item aside after the third in a row; at once if `for_good`."""
    key = {"store_id": item.store_id, "kind": item.kind, "item": item.name, "stage": stage}
    new = {**key, "run_id": item.run_id, "campaign": item.campaign, "first_at": now, "last_at": now}
    with writing(engine) as connection:
        insert_if_new(connection, faults, {**new, "state": FaultState.OPEN})
        where = [faults.c[name] == value for name, value in key.items()]
        query = sa.select(faults).where(*where).with_for_update()
        before = ItemFault.from_row(connection.execute(query).one())
        goes_on = before.state is not FaultState.RELEASED and before.last_at > now - _SAME_ROW
        count = before.count + 1 if goes_on else 1
        aside = item.kind not in _NEVER_SET_ASIDE and (for_good or count >= MOST_IN_A_ROW)
        values = {
            "error": error,
            "place": place,
            "count": count,
            "state": FaultState.SET_ASIDE if aside else FaultState.OPEN,
            "first_at": before.first_at if goes_on else now,
            "last_at": now,
            "not_before": None if aside else now + _RETRIES.pause_before(count),
        }
        connection.execute(sa.update(faults).where(faults.c.id == before.id).values(values))
        noted = ItemFault.from_row(
            connection.execute(sa.select(faults).where(faults.c.id == before.id)).one()
        )
        if aside and before.state is not FaultState.SET_ASIDE and item.kind in _AUDITED:
            body = {"reference": noted.reference, "stage": stage.value, "error": error, "place": place}
            subject = f"{item.kind.value} {item.name}"
            audit.record(
                connection, at=now, actor="loop", action="fault.set_aside", subject=subject, body=body
            )
    return noted


def is_resting(
    kind: ItemKind, store_id: int, name: sa.ColumnElement[Any], *, now: datetime
) -> sa.ColumnElement[bool]:
    """Return the condition that an item is set aside, or pauses after a fault. `name`: the column with its number or name."""
    return sa.exists().where(
        faults.c.store_id == store_id,
        faults.c.kind == kind,
        faults.c.item == sa.cast(name, sa.Text),
        _rests(now),
    )


def is_set_aside(kind: ItemKind, store_id: int, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that an item is set aside. `name`: the column with its number or name."""
    return sa.exists().where(
        faults.c.store_id == store_id,
        faults.c.kind == kind,
        faults.c.item == sa.cast(name, sa.Text),
        faults.c.state == FaultState.SET_ASIDE,
    )


def resting_items(
    connection: Connection, store_id: int, kind: ItemKind, *stages: Stage, now: datetime
) -> frozenset[str]:
    """Return the items of a kind that are set aside, or pause after a fault; with `stages`, in one of these."""
    where = [faults.c.store_id == store_id, faults.c.kind == kind, _rests(now)]
    if stages:
        where.append(faults.c.stage.in_(stages))
    return frozenset(connection.scalars(sa.select(faults.c.item).where(*where)))


def _rests(now: datetime) -> sa.ColumnElement[bool]:
    pauses = sa.and_(faults.c.state == FaultState.OPEN, faults.c.not_before > now)
    return sa.or_(faults.c.state == FaultState.SET_ASIDE, pauses)


def next_try(connection: Connection, store_id: int, *, after: datetime) -> datetime | None:
    """Return when the next item of a store is tried again that failed; None if none waits."""
    waits = (faults.c.state == FaultState.OPEN, faults.c.not_before > after)
    query = sa.select(sa.func.min(faults.c.not_before)).where(faults.c.store_id == store_id, *waits)
    moment: datetime | None = connection.scalar(query)
    return moment


def load_fault(connection: Connection, fault_id: int) -> ItemFault:
    """Return a fault. Raises `NotFound`."""
    query = sa.select(faults).where(faults.c.id == fault_id)
    return ItemFault.from_row(fetch_one(connection, query, missing=f"There is no fault F{fault_id}."))


def list_faults(
    connection: Connection,
    store_id: int,
    *,
    now: datetime,
    run_id: int | None = None,
    campaign: str | None = None,
    limit: int = 50,
) -> list[ItemFault]:
    """Return what a developer should look at: set aside, or failed within the last hour. The latest is first.

    Faults of runs that are over are left out.
    """
    lately = sa.and_(faults.c.state == FaultState.OPEN, faults.c.last_at > now - _SAME_ROW)
    query = (
        sa.select(faults)
        .outerjoin(runs, runs.c.id == faults.c.run_id)
        .where(
            faults.c.store_id == store_id,
            sa.or_(faults.c.state == FaultState.SET_ASIDE, lately),
            sa.or_(runs.c.id.is_(None), runs.c.state.not_in(tuple(RUN_FINAL))),
        )
        .order_by(faults.c.last_at.desc(), faults.c.id.desc())
        .limit(limit)
    )
    if run_id is not None:
        query = query.where(faults.c.run_id == run_id)
    if campaign is not None:
        query = query.where(faults.c.campaign == campaign)
    return [ItemFault.from_row(row) for row in connection.execute(query)]


def count_set_aside(connection: Connection, store_id: int) -> int:
    """Count the items of a store that are set aside."""
    where = (faults.c.store_id == store_id, faults.c.state == FaultState.SET_ASIDE)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(faults).where(*where)) or 0)


def release(connection: Connection, *where: sa.ColumnElement[bool], by: str = "") -> int:
    """Have items tried again. `where`: conditions over `faults`. Returns how many were not released before."""
    unreleased = faults.c.state != FaultState.RELEASED
    values = {"state": FaultState.RELEASED, "count": 0, "not_before": None, "released_by": by}
    return connection.execute(sa.update(faults).where(*where, unreleased).values(values)).rowcount


def release_items(connection: Connection, store_id: int, kind: ItemKind, names: Collection[str]) -> int:
    """Release items that went well after they had failed. Cheap while the store has no such fault."""
    of_kind = (faults.c.store_id == store_id, faults.c.kind == kind, faults.c.state != FaultState.RELEASED)
    if connection.execute(sa.select(faults.c.id).where(*of_kind).limit(1)).first() is None:
        return 0
    return release(connection, *of_kind, faults.c.item.in_(names))
