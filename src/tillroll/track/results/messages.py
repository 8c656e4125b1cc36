"""The messages of a run: page by page, counted by state, and why some were not sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.codes.standing import StandingFacts
from tillroll.campaign.states import MessageState
from tillroll.ledger.mirror.standing_facts import StandingReader
from tillroll.ledger.tables import codes, messages, recipients

_UNSENT = (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)
_MOST_REASONS = 12
_MOST_READ = 500  # messages of one state whose reasons are counted


@dataclass(frozen=True, kw_only=True)
class MessageLine:
    """One message in a list."""

    message_id: int
    customer_id: int
    email: str
    kind: str  # offer or reminder
    state: MessageState
    reason: str
    sent_at: datetime | None
    code: str | None  # in clear; mask it before it is shown. None: an e-mail without a code
    code_id: int | None
    facts: StandingFacts | None  # what the state of its code follows from


@dataclass(frozen=True, kw_only=True)
class UnsentCount:
    """How many messages of a run were not sent for the same reason."""

    state: MessageState
    reason: str
    count: int


def list_messages(
    connection: Connection, run_id: int, *, state: MessageState | None, after: int, limit: int
) -> list[MessageLine]:
    """Return messages of a run, oldest first. For the next page, pass the last message's number as `after`."""
    query = (
        sa.select(messages, recipients.c.email, recipients.c.customer_id, codes.c.code)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .outerjoin(codes, codes.c.id == messages.c.code_id)
        .where(
            messages.c.id.in_(_next(run_id, tuple(MessageState) if state is None else (state,), after, limit))
        )
        .order_by(messages.c.id)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    facts = StandingReader(connection).of(row.code_id for row in rows if row.code_id is not None)
    return [
        MessageLine(
            message_id=row.id,
            customer_id=row.customer_id,
            email=row.email,
            kind=row.kind,
            state=MessageState(row.state),
            reason=row.reason,
            sent_at=row.sent_at,
            code=row.code,
            code_id=row.code_id,
            facts=facts.get(row.code_id),
        )
        for row in rows
    ]


def _next(
    run_id: int, states: Sequence[MessageState], after: int, limit: int
) -> sa.CompoundSelect[int] | sa.Select[int]:
    """Select the first messages of each state after one. The index of a run goes by state: without it, a run is sorted whole."""
    of_run = sa.select(messages.c.id).where(messages.c.run_id == run_id, messages.c.id > after)
    firsts = [of_run.where(messages.c.state == each).order_by(messages.c.id).limit(limit) for each in states]
    return sa.union_all(*(sa.select(query.subquery().c.id) for query in firsts))


def count_unsent(connection: Connection, run_id: int) -> list[UnsentCount]:
    """Count the messages that were not sent by state and reason, the most frequent first and no more than 12 reasons.

    Of each state the first 500 messages are looked at: the states' own counts are exact, and reasons repeat.
    """
    looked_at = sa.union_all(
        *(
            sa.select(
                sa.select(messages.c.state, messages.c.reason)
                .where(messages.c.run_id == run_id, messages.c.state == state)
                .order_by(messages.c.id)
                .limit(_MOST_READ)
                .subquery()
            )
            for state in _UNSENT
        )
    ).subquery()
    count = sa.func.count().label("count")
    query = (
        sa.select(looked_at.c.state, looked_at.c.reason, count)
        .group_by(looked_at.c.state, looked_at.c.reason)
        .order_by(count.desc(), looked_at.c.state, looked_at.c.reason)
        .limit(_MOST_REASONS)
    )
    return [
        UnsentCount(state=MessageState(state), reason=reason, count=n)
        for state, reason, n in connection.execute(query)
    ]
