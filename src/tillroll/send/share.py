"""Sending a run's messages side by side: the lane's holder prepares and settles, and each sender takes its share by itself.

A sender holds a lock of its own number for as long as it works, and writes that number beside each intent. When its process
dies the lock goes with it, and the lane's holder finds what it was at: only then does a message count as interrupted.

A campaign with a `rate`, or a limit of e-mails a person a week, is sent by the lane's holder alone: two who count at once
would both see the last free place.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from tillroll.campaign.states import MessageState, RunState
from tillroll.errors import TillrollError
from tillroll.ledger.engine import reading
from tillroll.ledger.lane import MOST_SENDERS, lane
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import messages
from tillroll.send.deliver import work_off
from tillroll.send.outcomes import settle_interrupted
from tillroll.send.prepare import prepare
from tillroll.send.sending import Kind, Post, Sending, Share, open_sending

MANY = 500  # fewer are sent by the lane's holder itself: sharing them out would take longer


def ready_to_share(post: Post, *, run_id: int) -> int:
    """Write the run's messages down and settle what senders that are gone had begun; how many may be shared out now.

    None may be while they are few, or must be counted as they leave. The caller holds the store's lane.
    """
    with reading(post.engine) as connection:
        run = load_run(connection, run_id)
        if run.state != RunState.SENDING:
            return 0
        sending = open_sending(connection, post, run, Kind.OFFER)
    if sending.message.send.rate is not None or _counts_by_person(sending):
        return 0
    prepare(sending, now=post.clock.now())
    settle_interrupted(sending)
    with reading(post.engine) as connection:
        ready = (
            messages.c.run_id == run_id,
            messages.c.state == MessageState.READY,
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= post.clock.now()),
        )
        count = int(connection.scalar(sa.select(sa.func.count()).where(*ready)) or 0)
    return count if count > MANY else 0


def _counts_by_person(sending: Sending) -> bool:
    return sending.revision.guardrails.messages_per_person_per_week is not None


def send_share(post: Post, *, run_id: int, share: Share, number: int, until: datetime) -> datetime | None:
    """Send a share of a run's messages as the sender of that number; when there is more to send, or None.

    Nothing happens when the number is in use: another process is that sender.
    """
    if not 0 < number < MOST_SENDERS:
        raise TillrollError(f"A sender's number is from 1 to {MOST_SENDERS - 1}, not {number}.")
    with lane(post.engine, number, name="sender") as held:
        if not held:
            return None
        with reading(post.engine) as connection:
            run = load_run(connection, run_id)
            if run.state != RunState.SENDING:
                return None
            mine = replace(post, owner=number, share=share)
            sending = open_sending(connection, mine, run, Kind.OFFER)
        return work_off(sending, until=until)
