"""Parking what may have gone out in the lost time: e-mails that may have left, those to confirm a sign-up, and codes of pools."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import MessageState, RunState, SignUpState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.tables import codes, messages, runs, sign_ups
from tillroll.recovery.decide import RunStage, StoreRecord
from tillroll.recovery.doubt import IN_DOUBT
from tillroll.send.slices.prepare import MAY_HAVE_LEFT
from tillroll.send.transport import Transport

_PIECE = 1_000
_LINK_WORKS = timedelta(days=3)


def park(
    engine: Engine, transport: Transport, *, store_id: int, record: StoreRecord | None, now: datetime
) -> None:
    """Mark e-mails that may have left as unknown, and free codes of pools as handed out. Safe to repeat.

    An e-mail that the transport remembers is marked as sent. E-mails that are due up to now and have no row yet are parked by
    `runs.parked_until` when their row is written.
    """
    with reading(engine) as connection:
        doubtful = _runs_that_may_have_sent(connection, store_id, record)
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id.in_(doubtful)).values(parked_until=now))
        pools = sa.select(runs.c.id).where(runs.c.store_id == store_id, runs.c.kind == POOL)
        free = (codes.c.run_id.in_(pools), codes.c.recipient_id.is_(None), codes.c.handed_at.is_(None))
        connection.execute(sa.update(codes).where(*free).values(handed_at=now))
        _park_sign_ups(connection, store_id, now)
    for run_id in doubtful:
        _park_messages(engine, transport, run_id, now)


def _park_sign_ups(connection: Connection, store_id: int, now: datetime) -> None:
    """Count e-mails to confirm a sign-up as sent. The link of one that left works a while longer; no second one leaves."""
    may_have_left = (
        sign_ups.c.store_id == store_id,
        sign_ups.c.state.in_((SignUpState.ASKED, SignUpState.LEAVING)),
    )
    values = {"state": SignUpState.MAILED, "expires_at": now + _LINK_WORKS, "changed_at": now}
    connection.execute(sa.update(sign_ups).where(*may_have_left).values(values))


def _runs_that_may_have_sent(connection: Connection, store_id: int, record: StoreRecord | None) -> list[int]:
    """Return the runs whose e-mails may have left.

    A run that is minting here counts only if the store was told that it began to send, or keeps no list of runs.
    """
    sent = {run.run_id for run in record.runs if run.stage is RunStage.SEND} if record is not None else set()
    is_complete = record is not None and record.whole
    return [
        run.id
        for run in runs_in(connection, store_id, IN_DOUBT)
        if run.state is not RunState.MINTING or run.id in sent or not is_complete
    ]


def _park_messages(engine: Engine, transport: Transport, run_id: int, now: datetime) -> None:
    unsettled = (
        messages.c.run_id == run_id,
        messages.c.state.in_((MessageState.READY, MessageState.SENDING)),
    )
    query = sa.select(messages.c.id, messages.c.message_key).where(*unsettled).limit(_PIECE)
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        delivered = transport.delivered([row.message_key for row in rows]) or frozenset()
        with writing(engine) as connection:
            for row in rows:
                has_left = row.message_key in delivered
                values = {
                    "state": MessageState.SENT if has_left else MessageState.UNKNOWN,
                    "reason": "" if has_left else MAY_HAVE_LEFT,
                    "sent_at": now if has_left else None,
                    "changed_at": now,
                    "not_before": None,
                }
                connection.execute(
                    sa.update(messages).where(messages.c.id == row.id, *unsettled).values(values)
                )
