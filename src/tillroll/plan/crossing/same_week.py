"""Whom other runs reach within a week before or after a run, as their plans have it.

Runs with many recipients are asked for the people at hand; those about one customer each may be a hundred thousand, so whom they
reach is read once. Either way the databases go by keys, never through all runs for every customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.crossing import Standing
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import messages, plans, recipients, runs
from tillroll.ledger.types import Moment
from tillroll.plan.subject import Subject

WEEK = timedelta(days=7)
_FEW = 50  # recipients of a run that is read whole
_STANDINGS = {
    RunState.WAITING: Standing.WAITING,
    RunState.APPROVED: Standing.APPROVED,
    RunState.MINTING: Standing.APPROVED,
    RunState.SENDING: Standing.SENT,
    RunState.TRACKING: Standing.SENT,
    RunState.DONE: Standing.SENT,
    RunState.HALTED: Standing.SENT,
}
BEGAN = sa.func.coalesce(runs.c.valid_from, runs.c.slot_at, type_=Moment())
"""When a run began, or is to begin."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """One customer whom another run reaches."""

    customer_id: int
    campaign: str
    standing: Standing
    run_id: int


@dataclass(kw_only=True)
class SameWeek:
    """Asks, a piece of the audience at a time."""

    subject: Subject
    _large: list[int] | None = None  # plans with many recipients; None: not read yet
    _small: dict[int, list[Reach]] = field(default_factory=dict)  # whom the others reach, by customer

    def of(self, connection: Connection, people: Sequence[int]) -> Iterator[Reach]:
        """Every run that reaches one of these people; what it kept from them is not counted."""
        if self.subject.only is not None:
            yield from self._one(connection, people)
            return
        if self._large is None:
            self._read(connection)
        for customer_id in people:
            yield from self._small.get(customer_id, ())
        if self._large:
            among = (recipients.c.plan_id.in_(self._large), recipients.c.customer_id.in_(people))
            yield from _reaches(connection, _reached().where(*among))

    def _one(self, connection: Connection, people: Sequence[int]) -> Iterator[Reach]:
        """By the customer's own rows, in two steps: a planner without statistics would go through all runs of the store."""
        own = sa.select(recipients.c.plan_id).where(recipients.c.customer_id.in_(people))
        made = sa.select(plans.c.run_id).where(plans.c.id.in_(list(connection.scalars(own))))
        among = (runs.c.id.in_(list(connection.scalars(made))), recipients.c.customer_id.in_(people))
        yield from _reaches(connection, _reached().where(*among, *in_the_week(self.subject)))

    def _read(self, connection: Connection) -> None:
        size = plans.c.audience_count
        large = sa.select(plans.c.id).join(runs, runs.c.plan_id == plans.c.id)
        self._large = list(connection.scalars(large.where(*in_the_week(self.subject), size > _FEW)))
        for one in _reaches(connection, _reached().where(*in_the_week(self.subject), size <= _FEW)):
            self._small.setdefault(one.customer_id, []).append(one)


def others_than(subject: Subject) -> sa.ColumnElement[bool]:
    """Runs that this one may cross: other campaigns', and this one's own unless they are steps about one customer."""
    other = runs.c.campaign != subject.revision.name
    own = sa.and_(runs.c.id != subject.run_id, runs.c.entry_id.is_(None))
    return sa.and_(
        runs.c.store_id == subject.store.id, other if subject.only is not None else sa.or_(other, own)
    )


def in_the_week(subject: Subject) -> tuple[sa.ColumnElement[bool], ...]:
    """Other runs that reach people, or may, within a week of this one."""
    week = (subject.slot_at - WEEK < BEGAN, subject.slot_at + WEEK > BEGAN)
    return others_than(subject), runs.c.state.in_(tuple(_STANDINGS)), *week


def _reached() -> sa.Select[Any]:
    """Recipients of runs by their plans in force, those aside whom the run's e-mail didn't reach."""
    theirs = sa.and_(messages.c.recipient_id == recipients.c.id, messages.c.kind == "offer")
    kept = sa.exists().where(theirs, messages.c.state.in_((MessageState.HELD, MessageState.FAILED)))
    left = sa.exists().where(theirs, messages.c.state.in_((MessageState.SENT, MessageState.UNKNOWN)))
    return (
        sa.select(runs.c.campaign, runs.c.state, runs.c.id.label("run_id"), recipients.c.customer_id)
        .select_from(recipients)
        .join(plans, plans.c.id == recipients.c.plan_id)
        .join(runs, sa.and_(runs.c.id == plans.c.run_id, runs.c.plan_id == plans.c.id))
        .where(sa.or_(runs.c.state != RunState.HALTED, left), ~kept)
    )


def _reaches(connection: Connection, query: sa.Select[Any]) -> Iterator[Reach]:
    with streaming(connection, query) as rows:
        for row in rows:
            standing = _STANDINGS[RunState(row.state)]
            yield Reach(
                customer_id=row.customer_id, campaign=row.campaign, standing=standing, run_id=row.run_id
            )
