"""A message row for every recipient whose code is settled: ready when the code is live, held when there is none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import CodeState, MessageState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.given import works_until
from tillroll.ledger.statistics import has_grown
from tillroll.ledger.tables import codes, messages, orders, plans, recipients, redemptions, runs
from tillroll.send.sending import Kind, Sending, Source

_PIECE = 5_000
_SETTLED = (CodeState.LIVE, CodeState.PAUSED, CodeState.FAILED, CodeState.REVOKED, CodeState.CLEARED)
_NO_CODE = dict.fromkeys(Source, "there is no code") | {Source.EARLIER: "no earlier step gave them a code"}
_MADE_BY = runs.alias("made_by")  # the run that made a code
MAY_HAVE_LEFT = "it may have left before the ledger was restored"
_COLUMNS = (
    "store_id",
    "run_id",
    "recipient_id",
    "code_id",
    "kind",
    "state",
    "reason",
    "message_key",
    "changed_at",
)


def prepare(sending: Sending, *, now: datetime) -> int:
    """Write the rows that are missing, a piece at a time; returns how many. Harmless to repeat.

    How far every recipient of the offer has a row stands in the run and is written with them: a slice begins there. Who
    is reminded shows from day to day, so for that all are looked at each time.
    """
    engine, run = sending.post.engine, sending.run
    offer = sending.kind is Kind.OFFER
    with reading(engine) as connection:
        digest = connection.scalars(sa.select(plans.c.digest).where(plans.c.id == run.plan_id)).one()
    made, after, whole = 0, run.prepared_to if offer else 0, offer
    while (last := _last_of_piece(engine, run.plan_id, after)) is not None:
        source = _rows(sending, digest[:12], after, last, now)
        with writing(engine) as connection:
            written = sa.insert(messages).from_select(list(_COLUMNS), source)
            made += connection.execute(written.execution_options(preserve_rowcount=True)).rowcount
            whole = whole and not _lacks(connection, sending, after, last)
            if whole:
                connection.execute(sa.update(runs).where(runs.c.id == run.id).values(prepared_to=last))
        after = last
    if made > _PIECE:
        has_grown(engine, messages)
    return made


def _lacks(connection: Connection, sending: Sending, after: int, last: int) -> bool:
    """Whether a recipient of the piece has no row yet: their code isn't settled."""
    piece = (recipients.c.plan_id == sending.run.plan_id, recipients.c.id > after, recipients.c.id <= last)
    lacking = sa.select(recipients.c.id).where(*piece, ~_written(sending.kind)).limit(1)
    return connection.execute(lacking).first() is not None


def _written(kind: Kind) -> sa.ColumnElement[bool]:
    """Whether a recipient has a message of this kind."""
    return sa.exists().where(messages.c.recipient_id == recipients.c.id, messages.c.kind == kind.value)


def _last_of_piece(engine: Engine, plan_id: int, after: int) -> int | None:
    piece = (
        sa.select(recipients.c.id)
        .where(recipients.c.plan_id == plan_id, recipients.c.id > after)
        .order_by(recipients.c.id)
        .limit(_PIECE)
        .subquery()
    )
    with reading(engine) as connection:
        last: int | None = connection.scalar(sa.select(sa.func.max(piece.c.id)))
    return last


def _rows(sending: Sending, tag: str, after: int, last: int, now: datetime) -> sa.Select[Any]:
    """One statement for the piece: its recipients that have no message of this kind yet."""
    run, kind = sending.run, sending.kind.value
    mark = "" if sending.kind is Kind.OFFER else f"-{kind}"
    key = sa.literal(f"r{run.id}-") + sa.cast(recipients.c.id, sa.Text) + sa.literal(f"-{tag}{mark}")
    live = codes.c.state.in_(
        (CodeState.LIVE, CodeState.PAUSED)
    )  # one that is switched off makes its e-mail wait
    state: sa.ColumnElement[str] = sa.case((live, MessageState.READY.value), else_=MessageState.HELD.value)
    reason: sa.ColumnElement[str] = sa.case(
        (live, ""),
        (codes.c.id.is_(None), _NO_CODE[sending.source]),
        else_=sa.literal("its code is ") + codes.c.state,
    )
    if sending.source is Source.NONE:
        state, reason = sa.literal(MessageState.READY.value), sa.literal("")
    state, reason = _parked(sending, state, reason)
    query = (
        sa.select(
            sa.literal(run.store_id),
            sa.literal(run.id),
            recipients.c.id,
            codes.c.id,
            sa.literal(kind),
            state,
            reason,
            key,
            sa.literal(now, messages.c.changed_at.type),
        )
        .select_from(recipients.outerjoin(codes, _code_of(sending)))
        .where(
            recipients.c.plan_id == run.plan_id,
            recipients.c.id > after,
            recipients.c.id <= last,
            ~_written(sending.kind),
        )
    )
    if sending.source is Source.OWN:
        query = query.where(codes.c.state.in_(_SETTLED))
    return _those_to_remind(query, sending, now) if sending.kind is Kind.REMINDER else query


def _parked(
    sending: Sending, state: sa.ColumnElement[str], reason: sa.ColumnElement[str]
) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """What was due before the ledger was restored may have left: it is unknown from the start, never ready."""
    until = sending.run.parked_until
    if until is None:
        return state, reason
    was_due: sa.ColumnElement[bool] = sa.true()
    if sending.kind is Kind.REMINDER and (reminder := sending.message.reminder) is not None:
        was_due = works_until(_MADE_BY) <= until + reminder.before_expiry
    parked = sa.and_(state == MessageState.READY.value, was_due)
    return (
        sa.case((parked, MessageState.UNKNOWN.value), else_=state),
        sa.case((parked, MAY_HAVE_LEFT), else_=reason),
    )


def _code_of(sending: Sending) -> sa.ColumnElement[bool]:
    """Which code belongs to a recipient."""
    if sending.source is Source.OWN:
        return sa.and_(codes.c.recipient_id == recipients.c.id, codes.c.state != CodeState.CLASHED)
    return codes.c.id == sending.code_id if sending.code_id is not None else sa.false()


def _those_to_remind(query: sa.Select[Any], sending: Sending, now: datetime) -> sa.Select[Any]:
    """Only who got the offer, and whose code is live, not used yet, and expires soon."""
    reminder = sending.message.reminder
    soon = now + (reminder.before_expiry if reminder is not None else timedelta(0))
    first = messages.alias("first")
    got_it = sa.exists().where(
        first.c.recipient_id == recipients.c.id,
        first.c.kind == Kind.OFFER.value,
        first.c.state == MessageState.SENT,
    )
    expires = works_until(_MADE_BY)
    return query.join(_MADE_BY, _MADE_BY.c.id == codes.c.run_id).where(
        got_it, codes.c.state == CodeState.LIVE, expires > now, expires <= soon, ~used()
    )


def used() -> sa.ColumnElement[bool]:
    """Whether the recipient's code was used, over `codes` and `recipients`: of a shared one, whether it was by them."""
    by_them = sa.exists().where(
        orders.c.store_id == redemptions.c.store_id,
        orders.c.order_id == redemptions.c.order_id,
        sa.or_(
            orders.c.customer_id == recipients.c.customer_id,
            sa.func.lower(orders.c.email) == sa.func.lower(recipients.c.email),
        ),
    )
    theirs = sa.or_(codes.c.recipient_id.is_not(None), by_them)
    return sa.exists().where(redemptions.c.code_id == codes.c.id, theirs)
