"""Sending a run's messages with several senders: one prepares and settles, and each sends a share.

The holder of the store's lock prepares the messages and settles those of senders that died. A sender holds a lock of its own
number while it works, and stores that number with each claim. When its process dies the lock is released, and only then do its
claimed messages count as interrupted.

What is counted as it leaves (a `rate`, a limit of e-mails per person and week, a new sender's limit, the pace of a mail domain)
is counted by one sender at a time, in the transaction that claims the messages (`places.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from tillroll.campaign.states import MessageKind, MessageState, RunState, Stage
from tillroll.errors import TillrollError
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.locks.store_lock import MOST_SENDERS, store_lock
from tillroll.ledger.queries.runs import load_run, run_item
from tillroll.ledger.tables import messages
from tillroll.send.context import SendContext, Share, open_sending
from tillroll.send.slices.deliver import send_ready
from tillroll.send.slices.interrupted import settle_interrupted
from tillroll.send.slices.places import free_places
from tillroll.send.slices.prepare import prepare
from tillroll.send.slices.quiet import opens_at

FEWEST_TO_SHARE = 500  # with fewer, sharing takes longer than sending


def prepare_to_share(context: SendContext, *, run_id: int, until: datetime) -> int:
    """Prepare the run's messages and settle interrupted ones. Returns how many may be shared among senders now.

    That is none if they are few, or few of them may leave now. The caller holds the store's lock.
    """
    with reading(context.engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.SENDING:
            return 0
        sending = open_sending(connection, context, run, MessageKind.OFFER)
    prepare(sending, now=context.clock.now(), until=until)
    settle_interrupted(context, run, MessageKind.OFFER, if_unknown=sending.message.send.if_unknown)
    now = context.clock.now()
    if opens_at(sending, now) > now:
        return 0
    with reading(context.engine) as connection:
        ready = (
            messages.c.run_id == run_id,
            messages.c.state == MessageState.READY,
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
        )
        waiting = int(connection.scalar(sa.select(sa.func.count()).where(*ready)) or 0)
        count = free_places(connection, sending, now, waiting).count
    return count if count > FEWEST_TO_SHARE else 0


def send_share(
    context: SendContext, *, run_id: int, share: Share, number: int, until: datetime
) -> datetime | None:
    """Send a share of a run's messages as the sender of that number. Returns when there is more to send, or None.

    Does nothing when another process is the sender of that number.
    """
    if not 0 < number < MOST_SENDERS:
        raise TillrollError(f"A sender's number is from 1 to {MOST_SENDERS - 1}, not {number}.")
    with store_lock(context.engine, number, name="sender") as held:
        if not held:
            return None
        with reading(context.engine) as connection:
            run = load_run(connection, run_id)
            if run.state != RunState.SENDING:
                return None
        own = replace(context, owner=number, share=share)
        next_at = None
        boundary = contained(
            context.engine,
            run_item(run),
            stage=Stage.SEND,
            now=context.clock.now(),
            raised=(TillrollError,),
        )
        with boundary:
            with reading(context.engine) as connection:
                sending = open_sending(connection, own, run, MessageKind.OFFER)
            next_at = send_ready(sending, until=until)
        return next_at
