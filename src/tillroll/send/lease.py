"""A claim on messages lasts for a few seconds at a time: a sender that may have lost it hands nothing more over.

A claim names its owner and when it was made (`messages.sending_at`). A sender whose claim is older than `CONFIRM_AFTER` confirms
it by compare-and-set before the next message leaves. A claim counts as left over only if its owner's lock is free and it was not
confirmed for `SETTLE_AFTER`. So a sender that was frozen, or whose connection broke, finds out before it hands over a message
that somebody else may send by now. At most the one message that is on its way just then can be taken for unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from tillroll.campaign.states import MessageState
from tillroll.ledger.engine import writing
from tillroll.ledger.locks.store_lock import lock_ends_with_process
from tillroll.ledger.records import Run
from tillroll.ledger.tables import messages, runs
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import SendContext

CONFIRM_AFTER = timedelta(seconds=2)
"""A claim that is older is confirmed before the next message leaves."""

SETTLE_AFTER = timedelta(seconds=10)
"""A claim that was not confirmed for so long is left over, if its owner's lock is free."""


class Lease:
    """One sender's claim on some messages, and whether they may still leave."""

    def __init__(
        self,
        context: SendContext,
        run: Run,
        emails: Sequence[Outgoing],
        *,
        claimed_at: datetime,
        until: datetime,
    ) -> None:
        """`claimed_at`: when the claim was written. `until`: when the slice ends; one message may leave in any case."""
        self._context, self._run, self._until = context, run, until
        self._waiting = {email.message_id for email in emails}
        self._confirmed_at, self._confirmed = claimed_at, context.clock.monotonic()
        self._has_begun = False
        self.claimed_at = dict.fromkeys(self._waiting, claimed_at)  # of each message, as the ledger has it
        self.has_ended = False  # nothing more may leave: the slice is over, or the claim is lost
        self.fault: Exception | None = None  # the database went away when the claim was to be confirmed
        self.maybe_at: dict[
            int, datetime
        ] = {}  # it may have been confirmed then, although the answer was lost

    def may_leave(self, emails: Sequence[Outgoing]) -> bool:
        """Return whether these messages may leave right now. Once the answer is no, it stays so."""
        context = self._context
        is_over = self._has_begun and (context.clock.now() > self._until or context.database.stopped)
        if self.has_ended or is_over or (self._is_old() and not self._confirm(emails)):
            self.has_ended = True
            return False
        self._has_begun = True
        self._waiting -= {email.message_id for email in emails}
        return True

    def _is_old(self) -> bool:
        """Return whether the claim must be confirmed, by both clocks: one stands still with the machine, the other may be set."""
        clock = self._context.clock
        passed = abs(clock.now() - self._confirmed_at)
        return passed > CONFIRM_AFTER or clock.monotonic() - self._confirmed > CONFIRM_AFTER.total_seconds()

    def _confirm(self, emails: Sequence[Outgoing]) -> bool:
        """Date the claim anew, if it is still ours and the run is not halted. Return whether these messages are part of it."""
        context, run = self._context, self._run
        now, monotonic = context.clock.now(), context.clock.monotonic()
        ours = (
            messages.c.id.in_(self._waiting),
            messages.c.state == MessageState.SENDING,
            messages.c.owner == context.owner,
            messages.c.sending_at == self._confirmed_at,
            sa.exists().where(runs.c.id == run.id, runs.c.state == run.state),
        )
        update = sa.update(messages).where(*ours).values(sending_at=now).returning(messages.c.id)
        try:
            with writing(context.engine) as connection:
                confirmed = set(connection.scalars(update))
        except Exception as fault:
            if not context.database.failed(fault):
                raise
            self.fault, self.maybe_at = fault, dict.fromkeys(self._waiting, now)
            return False
        self.claimed_at |= dict.fromkeys(confirmed, now)
        self._confirmed_at, self._confirmed = now, monotonic
        self._waiting = confirmed
        return confirmed.issuperset(email.message_id for email in emails)


def is_left_over(context: SendContext, now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a claimed message was not confirmed for so long that its sender will not hand it over any more.

    A claim from far ahead was made by a clock that was wrong. Where a lock ends only with its process nothing is waited for.
    """
    if lock_ends_with_process(context.engine):
        return sa.true()
    lasts = messages.c.sending_at.between(now - SETTLE_AFTER, now + SETTLE_AFTER)
    return sa.not_(sa.func.coalesce(lasts, sa.false()))
