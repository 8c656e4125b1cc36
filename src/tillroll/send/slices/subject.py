"""Asking the store at the moment of sending whether the order or cart that an e-mail is about still stands.

Only e-mails of a flow are about one: a call for each. The mirror is a minute behind the store, or more, and an e-mail that says
"you left something" to somebody who has just paid can't be taken back. If the store doesn't answer, the e-mail waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.event_subject import EventSubject, read_at, why_over
from tillroll.send.context import Sending
from tillroll.send.decide import Decision

FRESH = timedelta(seconds=30)
"""An order or cart that was read within this time is not asked for again."""

ASK_AGAIN_AFTER = timedelta(minutes=5)
"""How long an e-mail waits when the store doesn't say whether its order or cart still stands."""

_STANDS = Decision(go=True)


def still_stands(sending: Sending, now: datetime) -> Decision:
    """Decide whether an e-mail that might go now still has a subject."""
    subject, ask = sending.subject, sending.context.ask_store
    if subject is None or ask is None:
        return _STANDS
    if not _is_fresh(sending, subject, now):
        answered = ask(subject)
        if not answered or not _is_fresh(sending, subject, now):
            reason = f"the store doesn't say whether the {subject.kind} still stands"
            return Decision(go=False, wait_until=sending.context.clock.now() + ASK_AGAIN_AFTER, reason=reason)
    with reading(sending.context.engine) as connection:
        over = why_over(connection, sending.run.store_id, subject)
    return Decision(go=not over, reason=over)


def _is_fresh(sending: Sending, subject: EventSubject, now: datetime) -> bool:
    """Whether the mirror has what the store said just now. One that the store no longer has is gone from the mirror, too."""
    with reading(sending.context.engine) as connection:
        seen_at = read_at(connection, sending.run.store_id, subject)
    return seen_at is None or seen_at > now - FRESH
