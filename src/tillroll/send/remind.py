"""Reminders: a second e-mail to those who got a code and haven't used it, before it expires.

Crash points: those of `deliver.py`. A recipient has one row of this kind, so a reminder goes once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.runs import load_run, put_off
from tillroll.ledger.tables import codes, messages, runs
from tillroll.send.deliver import work_off
from tillroll.send.prepare import prepare
from tillroll.send.sending import Kind, Post, open_sending

_LONG = timedelta(days=365)


def remind_slice(post: Post, *, run_id: int, until: datetime) -> datetime | None:
    """Remind a run's recipients if it is time. Returns when to go on, or None: there is nothing to do now.

    A run that has nothing to remind of, or not yet, is put off until there is.
    """
    now = post.clock.now()
    with reading(post.engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.TRACKING:
            return None
        due, expires = _due(connection, run)
    if due is None or expires is None or now >= expires:
        _leave_alone(post, run_id, now + _LONG)
        return None
    if now < due:
        _leave_alone(post, run_id, due)
        return None
    with reading(post.engine) as connection:
        sending = open_sending(connection, post, run, Kind.REMINDER)
    prepare(sending, now=now)
    next_at = work_off(sending, until=until)
    if next_at is None:
        retry_at = _next_retry(post, run_id)
        _leave_alone(post, run_id, retry_at or now + _LONG)
    return next_at


def _due(connection: Connection, run: sa.Row[Any]) -> tuple[datetime | None, datetime | None]:
    """When to remind, and when the run's codes expire; None where there is no reminder or no code."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return None, None
    message = load_revision(connection, plan.revision_id).as_run(step=run.step).message
    if message is None or message.reminder is None:
        return None, None
    shown = sa.select(messages.c.code_id).where(messages.c.run_id == run.id)
    query = sa.select(sa.func.min(runs.c.valid_until)).join(codes, codes.c.run_id == runs.c.id)
    expires: datetime | None = connection.scalar(query.where(codes.c.id.in_(shown)))
    return (expires - message.reminder.before_expiry, expires) if expires is not None else (None, None)


def _next_retry(post: Post, run_id: int) -> datetime | None:
    """When a reminder that wasn't taken may be tried again."""
    where = (messages.c.run_id == run_id, messages.c.kind == Kind.REMINDER.value, messages.c.state == "ready")
    with reading(post.engine) as connection:
        waiting: datetime | None = connection.scalar(
            sa.select(sa.func.min(messages.c.not_before)).where(*where)
        )
    return waiting


def _leave_alone(post: Post, run_id: int, until: datetime) -> None:
    with writing(post.engine) as connection:
        put_off(connection, run_id, until=until, reason="")
