"""Changes to codes that are in the store: their scope and their progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import (
    CHANGE_OPEN,
    PART_OPEN,
    ChangeKind,
    ChangeState,
    PartState,
)
from tillroll.ledger.engine import insert_new
from tillroll.ledger.queries.predicates import has_not_clashed
from tillroll.ledger.records import Change
from tillroll.ledger.tables import change_parts, changes, codes, recipients, runs

ADOPTED = "adopted"
"""The kind of the run that coupons made outside Tillroll belong to."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The codes of a campaign, or of one of its runs."""

    store_id: int
    campaign: str
    run_id: int | None = None

    @property
    def runs(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions over `runs`."""
        if self.run_id is not None:
            return (runs.c.id == self.run_id,)
        return runs.c.store_id == self.store_id, runs.c.campaign == self.campaign

    @property
    def codes(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions over `codes` and the runs that made them: a run has its own codes, and those it took from a pool."""
        if self.run_id is None:
            return self.runs
        taker, own, taken = runs.alias("taker"), codes.alias("own"), codes.alias("taken")
        from_pools = (
            sa.select(taken.c.id)
            .join(recipients, recipients.c.id == taken.c.recipient_id)
            .join(taker, taker.c.plan_id == recipients.c.plan_id)
            .where(taker.c.id == self.run_id, has_not_clashed(taken))
        )
        made = sa.select(own.c.id).where(own.c.run_id == self.run_id)
        return (codes.c.id.in_(sa.union_all(made, from_pools)),)

    @property
    def key(self) -> str:
        """How the audit and agreements refer to it. It is stored and compared, so its form must stay."""
        return f"run {self.run_id}" if self.run_id is not None else f"campaign {self.campaign}"

    def __str__(self) -> str:
        return f"run {self.run_id}" if self.run_id is not None else f"campaign {self.campaign}"


def scope_of(change: Change) -> Scope:
    """Return the scope of a change."""
    return Scope(store_id=change.store_id, campaign=change.campaign, run_id=change.run_id)


def add_change(
    connection: Connection,
    scope: Scope,
    kind: ChangeKind,
    *,
    person: str,
    note: str,
    now: datetime,
    valid_until: datetime | None = None,
    state: ChangeState = ChangeState.GATHERING,
) -> int:
    """Insert a change, which the loop carries out. Returns its number."""
    row = {
        "store_id": scope.store_id,
        "kind": kind,
        "campaign": scope.campaign,
        "run_id": scope.run_id,
        "state": state,
        "person": person,
        "note": note,
        "valid_until": valid_until,
        "created_at": now,
        "changed_at": now,
    }
    return int(connection.execute(sa.insert(changes).values(row).returning(changes.c.id)).scalar_one())


def add_parts(
    connection: Connection,
    change_id: int,
    rows: Iterable[sa.Row[Any]],
    *,
    action: str,
    now: datetime,
) -> None:
    """Insert codes of a change, and skip those that it has already.

    `rows` are of `codes`, not records: there may be many.
    """
    parts = [
        {
            "change_id": change_id,
            "code_id": row.id,
            "action": action,
            "state": PartState.WANTED,
            "was": row.state,
            "changed_at": now,
        }
        for row in rows
    ]
    insert_new(connection, change_parts, parts)


@dataclass(frozen=True, kw_only=True)
class ChangeLine:
    """One change in a list, with its progress."""

    change_id: int
    kind: ChangeKind
    campaign: str
    run_id: int | None
    state: ChangeState
    person: str
    note: str
    valid_until: datetime | None
    created_at: datetime
    finished_at: datetime | None
    parts: Mapping[PartState, int]

    @property
    def total(self) -> int:
        """How many codes it has so far."""
        return sum(self.parts.values())

    @property
    def settled(self) -> int:
        """How many codes have an outcome."""
        return sum(n for state, n in self.parts.items() if state not in PART_OPEN)

    @property
    def failed(self) -> int:
        """How many codes the store refused for good."""
        return self.parts.get(PartState.FAILED, 0)

    @property
    def open(self) -> bool:
        """Whether it is not done yet."""
        return self.state in CHANGE_OPEN


def list_changes(
    connection: Connection,
    store_id: int,
    *,
    campaign: str | None = None,
    run_id: int | None = None,
    only_open: bool = False,
    limit: int = 20,
) -> list[ChangeLine]:
    """Return changes, newest first; with `run_id`, those of the run, and of its whole campaign since the run was created."""
    query = sa.select(changes).where(changes.c.store_id == store_id).order_by(changes.c.id.desc())
    if campaign is not None:
        query = query.where(changes.c.campaign == campaign)
    if run_id is not None:
        begun = sa.select(runs.c.created_at).where(runs.c.id == run_id).scalar_subquery()
        of_all = sa.and_(changes.c.run_id.is_(None), changes.c.created_at >= begun)
        query = query.where(sa.or_(changes.c.run_id == run_id, of_all))
    if only_open:
        query = query.where(changes.c.state.in_(sorted(CHANGE_OPEN)))
    rows = connection.execute(query.limit(limit)).all()
    parts = parts_by_state(connection, [row.id for row in rows])
    return [_line(row, parts.get(row.id, {})) for row in rows]


def _line(row: sa.Row[Any], parts: Mapping[PartState, int]) -> ChangeLine:
    return ChangeLine(
        change_id=row.id,
        kind=ChangeKind(row.kind),
        campaign=row.campaign,
        run_id=row.run_id,
        state=ChangeState(row.state),
        person=row.person,
        note=row.note,
        valid_until=row.valid_until,
        created_at=row.created_at,
        finished_at=row.finished_at,
        parts=parts,
    )


def parts_by_state(connection: Connection, ids: Sequence[int]) -> dict[int, dict[PartState, int]]:
    """Return how many codes of each change are in which state."""
    query = (
        sa.select(change_parts.c.change_id, change_parts.c.state, sa.func.count().label("n"))
        .where(change_parts.c.change_id.in_(ids))
        .group_by(change_parts.c.change_id, change_parts.c.state)
    )
    counts: dict[int, dict[PartState, int]] = {}
    for row in connection.execute(query) if ids else ():
        counts.setdefault(row.change_id, {})[PartState(row.state)] = row.n
    return counts


def is_switching_on(connection: Connection, *, campaign: str, run_id: int, store_id: int) -> bool:
    """Return whether an open change of the run, or of its whole campaign, switches codes on."""
    mine = sa.or_(
        changes.c.run_id == run_id, sa.and_(changes.c.run_id.is_(None), changes.c.campaign == campaign)
    )
    on = changes.c.kind.in_((ChangeKind.RESUME, ChangeKind.LAUNCH, ChangeKind.RECYCLE))
    where = (changes.c.store_id == store_id, changes.c.state.in_(sorted(CHANGE_OPEN)), on, mine)
    return bool(connection.scalar(sa.select(sa.exists().where(*where))))
