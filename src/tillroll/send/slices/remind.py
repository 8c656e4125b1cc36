"""Reminders: a second e-mail to recipients who haven't used their code, before it expires.

Each code has its own expiry: the codes of a run may come from several pools. Crash points: those of `deliver.py`. A recipient has
at most one message row of this kind, so a reminder is sent once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.models import Reminder
from tillroll.campaign.states import CodeState, MessageKind, MessageState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.runs import defer_run, load_run
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes, messages, recipients, runs
from tillroll.send.context import SendContext, open_sending
from tillroll.send.slices.deliver import send_ready
from tillroll.send.slices.prepare import is_used, prepare

_LONG = timedelta(days=365)
_SHORT = timedelta(minutes=1)


def remind_slice(context: SendContext, *, run_id: int, until: datetime) -> datetime | None:
    """Send the reminders of a run that are due. Returns when to continue, or None if there is nothing to do now.

    A run without due reminders is deferred until its next one.
    """
    engine, now = context.engine, context.clock.now()
    with reading(engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.TRACKING:
            return None
        reminder = _load_reminder(connection, run)
        first = _first_moment(connection, run, reminder, now)
    if reminder is None or first is None:
        _defer(engine, run_id, now + _LONG)
        return None
    if first > now:
        _defer(engine, run_id, first)
        return None
    with reading(engine) as connection:
        sending = open_sending(connection, context, run, MessageKind.REMINDER)
    if not prepare(sending, now=now, until=until).looked_at_all:
        return now
    next_at = send_ready(sending, until=until)
    if next_at is not None and next_at > context.clock.now():
        _defer(engine, run_id, next_at)
    elif next_at is None:
        with reading(engine) as connection:
            later = _first_moment(connection, run, reminder, now) or now + _LONG
        _defer(engine, run_id, max(later, now + _SHORT))
    return next_at


def _load_reminder(connection: Connection, run: Run) -> Reminder | None:
    """Return the reminder of the run's campaign, the same for all arms; None if it has none."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return None
    message = load_revision(connection, plan.revision_id).as_run(step=run.step).message
    return message.reminder if message is not None else None


def _first_moment(
    connection: Connection, run: Run, reminder: Reminder | None, now: datetime
) -> datetime | None:
    """Return when the next reminder should be prepared or sent; None if there is none."""
    moments = (_next_due(connection, run, reminder, now), _next_unsent(connection, run))
    return min((moment for moment in moments if moment is not None), default=None)


def _next_due(connection: Connection, run: Run, reminder: Reminder | None, now: datetime) -> datetime | None:
    """Return when the first recipient without a reminder should get one; None if nobody should."""
    if reminder is None:
        return None
    other = messages.alias("other")
    is_reminded = sa.exists().where(
        other.c.recipient_id == messages.c.recipient_id, other.c.kind == MessageKind.REMINDER.value
    )
    query = (
        sa.select(sa.func.min(works_until()))
        .select_from(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(messages.c.run_id == run.id, messages.c.kind == MessageKind.OFFER.value)
        .where(messages.c.state == MessageState.SENT, codes.c.state == CodeState.LIVE)
        .where(works_until() > now, ~is_reminded, ~is_used())
    )
    expires: datetime | None = connection.scalar(query)
    return expires - reminder.before_expiry if expires is not None else None


def _next_unsent(connection: Connection, run: Run) -> datetime | None:
    """Return when the next prepared reminder may go; None if all are settled."""
    of_kind = (messages.c.run_id == run.id, messages.c.kind == MessageKind.REMINDER.value)
    unsettled = messages.c.state.in_((MessageState.READY, MessageState.SENDING))
    earliest = sa.func.min(sa.func.coalesce(messages.c.not_before, messages.c.changed_at))
    moment: datetime | None = connection.scalar(sa.select(earliest).where(*of_kind, unsettled))
    return moment


def _defer(engine: Engine, run_id: int, until: datetime) -> None:
    with writing(engine) as connection:
        defer_run(connection, run_id, until=until, reason="")
