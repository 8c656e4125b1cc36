"""Whether a message may go now, and which state follows from an outcome. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import CodeState, MessageState

MESSAGE_RETRIES = RetryPolicy(
    attempts=32, first_pause=timedelta(minutes=1), growth=4, longest_pause=timedelta(hours=4)
)
"""Of handing one e-mail over: 1, 4, 16 and 64 minutes apart, then every four hours, for four days and a half.

RFC 5321, section 4.5.4.1: a client gives up after four or five days.
"""

DOUBTFUL_RETRIES = RetryPolicy(attempts=3, first_pause=timedelta(minutes=5), growth=6)
"""Of an e-mail that was refused, perhaps for a reason that passes: again after 5 and after 30 minutes."""

RESENDS = RetryPolicy(attempts=5)
"""Of an e-mail that may have left, where the campaign says to send it again."""

PAUSED_CHECK = timedelta(minutes=1)
"""How long an e-mail waits before its paused code is checked again."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do with one message: send it now, wait until a moment, or hold it for good."""

    go: bool
    reason: str = ""  # why not, for people
    wait_until: datetime | None = None  # None, and `go` is false: held for good


@dataclass(frozen=True, kw_only=True)
class ShownCodeNow:
    """The code that an e-mail shows, as it is at the moment of sending."""

    state: CodeState
    works_from: datetime | None = None  # the e-mail must not leave before; None: it may
    valid_until: datetime | None = None
    is_used: bool = False  # the e-mail is a reminder, and its customer has used it


def may_send(
    *,
    code: ShownCodeNow | None,
    consent: bool | None,
    is_customer: bool,
    email: str,
    email_now: str,
    now: datetime,
    allowed_from: datetime | None = None,
    over: str = "",
) -> Decision:
    """Decide whether a message may go now.

    `code` is None for an e-mail without a code. `consent` is as the mirror has it now, and `is_customer` whether the store still
    has the customer. `email` is the address of the approved plan, and `email_now` the customer's in the mirror.
    `allowed_from`: when the guardrail on e-mails per week, or their own wish for fewer, allows one more, if it doesn't now.
    `over`: why the order or cart that the e-mail is about is over, or what the recipient said against it.
    """
    if over:
        return Decision(go=False, reason=over)
    if code is not None and code.state not in {CodeState.LIVE, CodeState.PAUSED}:
        return Decision(go=False, reason=f"its code is {code.state}, not live")
    if not is_customer:
        return Decision(go=False, reason="the customer is gone from the store")
    if consent is None:
        return Decision(go=False, reason="the store doesn't say any more whether they agreed to e-mails")
    if not consent:
        return Decision(go=False, reason="consent was withdrawn")
    if "@" not in email or any(character in email for character in "\r\n"):
        return Decision(go=False, reason="the e-mail address is not valid")
    if email_now.casefold() != email.casefold():
        return Decision(go=False, reason="the customer's e-mail address changed after the plan was made")
    valid_until = code.valid_until if code is not None else None
    if code is not None:
        if code.is_used:
            return Decision(go=False, reason="its code has already been used")
        if valid_until is not None and now >= valid_until:
            return Decision(go=False, reason="its code has expired")
        if code.state is CodeState.PAUSED:
            return Decision(go=False, wait_until=now + PAUSED_CHECK, reason="its code is paused")
        if code.works_from is not None and code.works_from > now:
            return Decision(go=False, wait_until=code.works_from, reason="its code doesn't work yet")
    if allowed_from is not None and allowed_from > now:
        limit = "the customer has reached the limit of e-mails per week"
        if valid_until is not None and allowed_from >= valid_until:
            return Decision(go=False, reason=f"{limit}, and its code expires before the next one may go")
        return Decision(go=False, wait_until=allowed_from, reason=limit)
    return Decision(go=True)


class Waits(NamedTuple):
    """Until when a message waits although nothing is against it; None: it doesn't."""

    quiet: datetime | None = None  # it is quiet where its reader lives
    line: datetime | None = None  # its reader's mail domain has no place for it


def may_wait(decision: Decision, waits: Waits) -> Decision:
    """Let a message wait that may go."""
    if not decision.go:
        return decision
    if waits.quiet is not None:
        return Decision(go=False, wait_until=waits.quiet, reason="it is quiet where the customer lives")
    if waits.line is not None:
        reason = "no more e-mails may go to their mail domain now (per_domain)"
        return Decision(go=False, wait_until=waits.line, reason=reason)
    return decision


class DeliveryOutcome(StrEnum):
    """What a transport reports about one message."""

    SENT = "sent"
    FAILED = "failed"  # refused for good: this recipient can't be reached
    DOUBTFUL = "doubtful"  # refused, but perhaps not because of the recipient
    LATER = "later"  # not accepted; try again later
    UNTRIED = "untried"  # it surely did not leave, and the trouble is not its own: this was no attempt
    UNKNOWN = "unknown"  # it may have left


def next_state(outcome: DeliveryOutcome, *, attempts: int, if_unknown: IfUnknown) -> MessageState:
    """Return the state of a message after an outcome. `attempts` includes the attempt that just ended."""
    match outcome:
        case DeliveryOutcome.SENT:
            return MessageState.SENT
        case DeliveryOutcome.FAILED:
            return MessageState.FAILED
        case DeliveryOutcome.UNTRIED:
            return MessageState.READY
        case DeliveryOutcome.DOUBTFUL:
            return MessageState.READY if DOUBTFUL_RETRIES.may_try_again(attempts) else MessageState.FAILED
        case DeliveryOutcome.LATER:
            return MessageState.READY if MESSAGE_RETRIES.may_try_again(attempts) else MessageState.FAILED
        case DeliveryOutcome.UNKNOWN:
            again = if_unknown is IfUnknown.RESEND and RESENDS.may_try_again(attempts)
            return MessageState.READY if again else MessageState.UNKNOWN


def pause_after(outcome: DeliveryOutcome, *, attempts: int) -> timedelta | None:
    """Return how long a message waits after an outcome before it is tried again; None: not at all."""
    if outcome is DeliveryOutcome.LATER:
        return MESSAGE_RETRIES.pause_before(attempts)
    return DOUBTFUL_RETRIES.pause_before(attempts) if outcome is DeliveryOutcome.DOUBTFUL else None
