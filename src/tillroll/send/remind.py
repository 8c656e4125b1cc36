"""Reminders: a second e-mail to those who got a code and haven't used it, before it expires.

Each code has its own end: those of a run may come from several pools. Crash points: those of `deliver.py`. A recipient has one
row of this kind, so a reminder goes once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.models import Reminder
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.given import works_until
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.runs import load_run, put_off
from tillroll.ledger.tables import codes, messages, recipients, runs
from tillroll.send.deliver import work_off
from tillroll.send.prepare import prepare, used
from tillroll.send.sending import Kind, Post, open_sending

_LONG = timedelta(days=365)
_AGAIN = timedelta(minutes=1)


def remind_slice(post: Post, *, run_id: int, until: datetime) -> datetime | None:
    """Remind those of a run's recipients whose time has come. Returns when to go on, or None: there is nothing to do now.

    A run that has nobody to remind, or not yet, is put off until it has.
    """
    now = post.clock.now()
    with reading(post.engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.TRACKING:
            return None
        reminder = _reminder(connection, run)
        due = _next_due(connection, run, reminder, now)
        open_ = _open(connection, run)
    if reminder is None or (due is None and open_ is None):
        _leave_alone(post, run_id, now + _LONG)
        return None
    first = min(moment for moment in (due, open_) if moment is not None)
    if first > now:
        _leave_alone(post, run_id, first)
        return None
    with reading(post.engine) as connection:
        sending = open_sending(connection, post, run, Kind.REMINDER)
    prepare(sending, now=now)
    next_at = work_off(sending, until=until)
    if next_at is not None and next_at > post.clock.now():
        _leave_alone(post, run_id, next_at)
    elif next_at is None:
        with reading(post.engine) as connection:
            then = (_next_due(connection, run, reminder, now), _open(connection, run))
        later = min((moment for moment in then if moment is not None), default=now + _LONG)
        _leave_alone(post, run_id, max(later, now + _AGAIN))
    return next_at


def _reminder(connection: Connection, run: sa.Row[Any]) -> Reminder | None:
    """What the run's campaign says of a reminder; the same in every arm."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return None
    message = load_revision(connection, plan.revision_id).as_run(step=run.step).message
    return message.reminder if message is not None else None


def _next_due(
    connection: Connection, run: sa.Row[Any], reminder: Reminder | None, now: datetime
) -> datetime | None:
    """When the first of those who aren't reminded yet should be; None when nobody is left."""
    if reminder is None:
        return None
    again = messages.alias("again")
    reminded = sa.exists().where(
        again.c.recipient_id == messages.c.recipient_id, again.c.kind == Kind.REMINDER.value
    )
    query = (
        sa.select(sa.func.min(works_until()))
        .select_from(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(messages.c.run_id == run.id, messages.c.kind == Kind.OFFER.value)
        .where(messages.c.state == MessageState.SENT, codes.c.state == CodeState.LIVE)
        .where(works_until() > now, ~reminded, ~used())
    )
    expires: datetime | None = connection.scalar(query)
    return expires - reminder.before_expiry if expires is not None else None


def _open(connection: Connection, run: sa.Row[Any]) -> datetime | None:
    """When the next reminder that is written down may go; None when there is none."""
    of_kind = (messages.c.run_id == run.id, messages.c.kind == Kind.REMINDER.value)
    open_ = messages.c.state.in_((MessageState.READY, MessageState.SENDING))
    moment = sa.func.min(sa.func.coalesce(messages.c.not_before, messages.c.changed_at))
    waiting: datetime | None = connection.scalar(sa.select(moment).where(*of_kind, open_))
    return waiting


def _leave_alone(post: Post, run_id: int, until: datetime) -> None:
    with writing(post.engine) as connection:
        put_off(connection, run_id, until=until, reason="")
