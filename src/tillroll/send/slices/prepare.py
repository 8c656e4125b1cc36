"""Preparing messages: a row for every recipient whose code is settled, ready if the code is live, held if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageKind, MessageState
from tillroll.ledger.bulk.statistics import refresh_statistics
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.predicates import has_not_clashed, is_order_of_use, was_used
from tillroll.ledger.tables import codes, messages, orders, plans, recipients, redemptions, runs
from tillroll.send.context import Sending, ShownCode
from tillroll.send.slices.mixed import Walk, evenly_by_domain

_PIECE = 5_000
_SETTLED = (CodeState.LIVE, CodeState.PAUSED, CodeState.FAILED, CodeState.REVOKED, CodeState.CLEARED)
_NO_CODE = dict.fromkeys(ShownCode, "there is no code") | {
    ShownCode.EARLIER: "no earlier step gave them a code"
}
"""Why a message without its code is held, for people."""

_MADE_BY = runs.alias("made_by")  # the run that made the code
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


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What came of preparing messages."""

    made: int  # rows
    looked_at_all: bool  # otherwise the slice ended first, and the next one continues


def prepare(sending: Sending, *, now: datetime, until: datetime, piece: int = _PIECE) -> Prepared:
    """Write the rows that are missing, a piece at a time, until the slice or the process ends. Safe to repeat.

    Rows get their numbers in the order in which they are sent (`mixed.py`). The run stores how far every offer has its row, and
    the next slice begins there. Reminders become due from day to day, so for them all recipients are looked at each time: a slice
    that ended amid them would never come to the last ones.
    """
    context, engine, run = sending.context, sending.context.engine, sending.run
    is_offer = sending.kind is MessageKind.OFFER
    with reading(engine) as connection:
        digest = connection.scalars(sa.select(plans.c.digest).where(plans.c.id == run.plan_id)).one()
        walk = _walk_of(connection, run.plan_id)
    made, place, is_complete = 0, run.prepared_places if is_offer else 0, is_offer
    while place < walk.count:
        if context.database.stopped or (is_complete and made and context.clock.now() > until):
            return Prepared(made=made, looked_at_all=False)
        ids = walk.piece(place, piece)
        place += len(ids)
        rows = _missing_rows(sending, digest[:12], ids, now)
        with writing(engine) as connection:
            insert = sa.insert(messages).from_select(list(_COLUMNS), rows)
            made += connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount
            is_complete = is_complete and not _has_gap(connection, run.plan_id, sending.kind, ids)
            if is_complete:
                done = sa.update(runs).where(runs.c.id == run.id).values(prepared_places=place)
                connection.execute(done)
    if made > _PIECE:
        refresh_statistics(engine, messages)
    return Prepared(made=made, looked_at_all=True)


def _walk_of(connection: Connection, plan_id: int | None) -> Walk:
    """Return the order in which the recipients of a plan are come by; others' numbers may lie among them."""
    ends = sa.select(sa.func.min(recipients.c.id), sa.func.max(recipients.c.id))
    first, last = connection.execute(ends.where(recipients.c.plan_id == plan_id)).one()
    return Walk(first=first, count=last - first + 1) if first is not None else Walk(first=0, count=0)


def _has_gap(connection: Connection, plan_id: int | None, kind: MessageKind, ids: Sequence[int]) -> bool:
    """Whether a recipient of the piece has no row yet, because their code isn't settled."""
    piece = (recipients.c.plan_id == plan_id, recipients.c.id.in_(ids))
    query = sa.select(recipients.c.id).where(*piece, ~_has_message(kind)).limit(1)
    return connection.execute(query).first() is not None


def _has_message(kind: MessageKind) -> sa.ColumnElement[bool]:
    """Return the condition that a recipient has a message of this kind, over `recipients`."""
    return sa.exists().where(messages.c.recipient_id == recipients.c.id, messages.c.kind == kind.value)


def _missing_rows(sending: Sending, tag: str, ids: Sequence[int], now: datetime) -> sa.Select[Any]:
    """Select the message rows of the piece's recipients that have no message of this kind yet."""
    run, kind = sending.run, sending.kind.value
    suffix = "" if sending.kind is MessageKind.OFFER else f"-{kind}"
    key = sa.literal(f"r{run.id}-") + sa.cast(recipients.c.id, sa.Text) + sa.literal(f"-{tag}{suffix}")
    state, reason = _first_state(sending)
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
        .select_from(recipients.outerjoin(codes, _is_shown_code(sending)))
        .where(
            recipients.c.plan_id == run.plan_id,
            recipients.c.id.in_(ids),
            ~_has_message(sending.kind),
        )
        .order_by(*evenly_by_domain())
    )
    if sending.shows is ShownCode.OWN:
        query = query.where(codes.c.state.in_(_SETTLED))
    return _only_due_reminders(query, sending, now) if sending.kind is MessageKind.REMINDER else query


def _first_state(sending: Sending) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """Return the state of a new row and its reason."""
    is_in_store = codes.c.state.in_((CodeState.LIVE, CodeState.PAUSED))  # a paused code makes its e-mail wait
    state: sa.ColumnElement[str] = sa.case(
        (is_in_store, MessageState.READY.value), else_=MessageState.HELD.value
    )
    reason: sa.ColumnElement[str] = sa.case(
        (is_in_store, ""),
        (codes.c.id.is_(None), _NO_CODE[sending.shows]),
        else_=sa.literal("its code is ") + codes.c.state,
    )
    if sending.shows is ShownCode.NONE:
        state, reason = sa.literal(MessageState.READY.value), sa.literal("")
    return _parked(sending, state, reason)


def _parked(
    sending: Sending, state: sa.ColumnElement[str], reason: sa.ColumnElement[str]
) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """Make what was due before the ledger was restored unknown instead of ready: it may have left."""
    until = sending.run.parked_until
    if until is None:
        return state, reason
    was_due: sa.ColumnElement[bool] = sa.true()
    if sending.kind is MessageKind.REMINDER and (reminder := sending.message.reminder) is not None:
        was_due = works_until(_MADE_BY) <= until + reminder.before_expiry
    parked = sa.and_(state == MessageState.READY.value, was_due)
    return (
        sa.case((parked, MessageState.UNKNOWN.value), else_=state),
        sa.case((parked, MAY_HAVE_LEFT), else_=reason),
    )


def _is_shown_code(sending: Sending) -> sa.ColumnElement[bool]:
    """Return the condition that a code is the one that a recipient's message shows."""
    if sending.shows is ShownCode.OWN:
        return sa.and_(codes.c.recipient_id == recipients.c.id, has_not_clashed())
    return codes.c.id == sending.code_id if sending.code_id is not None else sa.false()


def _only_due_reminders(query: sa.Select[Any], sending: Sending, now: datetime) -> sa.Select[Any]:
    """Narrow the query down to recipients who got the offer, and whose code is live, unused and expires soon."""
    reminder = sending.message.reminder
    soon = now + (reminder.before_expiry if reminder is not None else timedelta(0))
    first = messages.alias("first")
    got_offer = sa.exists().where(
        first.c.recipient_id == recipients.c.id,
        first.c.kind == MessageKind.OFFER.value,
        first.c.state == MessageState.SENT,
    )
    expires = works_until(_MADE_BY)
    return query.join(_MADE_BY, _MADE_BY.c.id == codes.c.run_id).where(
        got_offer, codes.c.state == CodeState.LIVE, expires > now, expires <= soon, ~is_used()
    )


def is_used() -> sa.ColumnElement[bool]:
    """Return the condition that the recipient's code was used, over `codes` and `recipients`; a shared one, by the recipient."""
    by_recipient = sa.exists().where(
        is_order_of_use(),
        sa.or_(
            orders.c.customer_id == recipients.c.customer_id,
            sa.func.lower(orders.c.email) == sa.func.lower(recipients.c.email),
        ),
    )
    own = sa.and_(codes.c.recipient_id.is_not(None), was_used())
    return sa.or_(own, sa.exists().where(redemptions.c.code_id == codes.c.id, by_recipient))
