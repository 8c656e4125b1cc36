"""Find the customers whom other runs reach within a week before or after a run, by the plans of those runs.

Runs with many recipients are queried for the people at hand. Runs about one customer each may number a hundred thousand, so
their recipients are read once. Either way the query uses keys and never scans all runs for every customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.overlap import OverlapStage
from tillroll.campaign.states import MessageState, RunState
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import messages, plans, recipients, runs
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.plan.audience.subject import Subject

WEEK = timedelta(days=7)
_FEW = 50  # a run with at most so many recipients is read once, in full
_STAGES = {
    RunState.WAITING: OverlapStage.WAITING,
    RunState.APPROVED: OverlapStage.APPROVED,
    RunState.MINTING: OverlapStage.APPROVED,
    RunState.SENDING: OverlapStage.SENT,
    RunState.TRACKING: OverlapStage.SENT,
    RunState.DONE: OverlapStage.SENT,
    RunState.HALTED: OverlapStage.SENT,
}
BEGAN = sa.func.coalesce(runs.c.valid_from, runs.c.slot_at, type_=UtcDateTime())
"""When a run began, or will begin."""


@dataclass(frozen=True, kw_only=True)
class WeekContact:
    """A customer whom another run reaches."""

    customer_id: int
    campaign: str
    standing: OverlapStage
    run_id: int


@dataclass(kw_only=True)
class WeekContacts:
    """Finds the contacts of an audience, a piece at a time."""

    subject: Subject
    _large: list[int] | None = None  # the plans with many recipients; None: not read yet
    _small: dict[int, list[WeekContact]] = field(
        default_factory=dict
    )  # the contacts of the other plans, by customer

    def of(self, connection: Connection, people: Sequence[int]) -> Iterator[WeekContact]:
        """Yield every contact of these people; e-mails that were held or failed do not count."""
        if self.subject.only is not None:
            yield from self._of_customer(connection, people)
            return
        if self._large is None:
            self._read(connection)
        for customer_id in people:
            yield from self._small.get(customer_id, ())
        if self._large:
            where = (recipients.c.plan_id.in_(self._large), recipients.c.customer_id.in_(people))
            yield from _contacts(connection, _reached().where(*where))

    def _of_customer(self, connection: Connection, people: Sequence[int]) -> Iterator[WeekContact]:
        """Yield the contacts of one customer, in two steps: without statistics, the database would scan all runs of the store."""
        plan_ids = sa.select(recipients.c.plan_id).where(recipients.c.customer_id.in_(people))
        run_ids = sa.select(plans.c.run_id).where(plans.c.id.in_(list(connection.scalars(plan_ids))))
        where = (runs.c.id.in_(list(connection.scalars(run_ids))), recipients.c.customer_id.in_(people))
        yield from _contacts(connection, _reached().where(*where, *in_the_week(self.subject)))

    def _read(self, connection: Connection) -> None:
        """Read which plans have many recipients, and the contacts of the others."""
        size = plans.c.audience_count
        large = sa.select(plans.c.id).join(runs, runs.c.plan_id == plans.c.id)
        self._large = list(connection.scalars(large.where(*in_the_week(self.subject), size > _FEW)))
        for contact in _contacts(connection, _reached().where(*in_the_week(self.subject), size <= _FEW)):
            self._small.setdefault(contact.customer_id, []).append(contact)


def others_than(subject: Subject) -> sa.ColumnElement[bool]:
    """Return the condition for runs that may overlap with this one: of other campaigns, and other runs of its own schedule."""
    other = runs.c.campaign != subject.revision.name
    own = sa.and_(runs.c.id != subject.run_id, runs.c.entry_id.is_(None))
    return sa.and_(
        runs.c.store_id == subject.store.id, other if subject.only is not None else sa.or_(other, own)
    )


def in_the_week(subject: Subject) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for other runs that reach people, or may, within a week of this one."""
    week = (subject.slot_at - WEEK < BEGAN, subject.slot_at + WEEK > BEGAN)
    return others_than(subject), runs.c.state.in_(tuple(_STAGES)), *week


def _reached() -> sa.Select[Any]:
    """Select the recipients of runs by their plans in force, without those whom the run's e-mail did not reach."""
    own = sa.and_(messages.c.recipient_id == recipients.c.id, messages.c.kind == "offer")
    kept = sa.exists().where(own, messages.c.state.in_((MessageState.HELD, MessageState.FAILED)))
    left = sa.exists().where(own, messages.c.state.in_((MessageState.SENT, MessageState.UNKNOWN)))
    return (
        sa.select(runs.c.campaign, runs.c.state, runs.c.id.label("run_id"), recipients.c.customer_id)
        .select_from(recipients)
        .join(plans, plans.c.id == recipients.c.plan_id)
        .join(runs, sa.and_(runs.c.id == plans.c.run_id, runs.c.plan_id == plans.c.id))
        .where(sa.or_(runs.c.state != RunState.HALTED, left), ~kept)
    )


def _contacts(connection: Connection, query: sa.Select[Any]) -> Iterator[WeekContact]:
    with streaming(connection, query) as rows:
        for row in rows:
            stage = _STAGES[RunState(row.state)]
            yield WeekContact(
                customer_id=row.customer_id, campaign=row.campaign, standing=stage, run_id=row.run_id
            )
