"""May this message go now, and what becomes of one whose outcome is unknown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import CodeState, MessageState

MOST_ATTEMPTS = 5
PAUSED_REST = timedelta(minutes=1)
"""An e-mail whose code is switched off is looked at again after that."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """What to do with one message: go, wait until a moment, or be held for good with a reason."""

    go: bool
    reason: str = ""
    wait_until: datetime | None = None


def may_send(
    *,
    code_state: CodeState | None,
    consent: bool | None,
    known: bool,
    email: str,
    valid_until: datetime | None,
    now: datetime,
    used: bool = False,
    room_from: datetime | None = None,
) -> Word:
    """Whether a message may go now. `consent` is the mirror's present word; `known`: the customer is still there.

    `used`: a reminder of the code would come too late. `room_from`: when the customer may have one more e-mail, if they had
    as many as the guardrails allow in a week. `code_state` and `valid_until` are None for an e-mail without a code.
    """
    if code_state not in {CodeState.LIVE, CodeState.PAUSED, None}:
        return Word(go=False, reason=f"its code is {code_state}, not live")
    if not known:
        return Word(go=False, reason="the customer is gone from the store")
    if consent is not True:
        return Word(go=False, reason="consent was withdrawn")
    if "@" not in email or any(sign in email for sign in "\r\n"):
        return Word(go=False, reason="the address can't be written to")
    if used:
        return Word(go=False, reason="its code was used meanwhile")
    if valid_until is not None and now >= valid_until:
        return Word(go=False, reason="its code has expired")
    if code_state is CodeState.PAUSED:
        return Word(go=False, wait_until=now + PAUSED_REST, reason="its code is switched off")
    if room_from is not None and room_from > now:
        if valid_until is not None and room_from >= valid_until:
            reason = "the customer had as many e-mails this week as they may, and its code ends before one more may go"
            return Word(go=False, reason=reason)
        return Word(
            go=False, wait_until=room_from, reason="the customer had as many e-mails this week as they may"
        )
    return Word(go=True)


class Outcome(StrEnum):
    """What a transport says of one message."""

    SENT = "sent"
    FAILED = "failed"  # refused for good
    LATER = "later"  # not taken, try again
    UNKNOWN = "unknown"  # it may have left


def after(outcome: Outcome, *, attempts: int, if_unknown: IfUnknown) -> MessageState:
    """The state a message is in after an outcome. `attempts` counts the one that just ended."""
    match outcome:
        case Outcome.SENT:
            return MessageState.SENT
        case Outcome.FAILED:
            return MessageState.FAILED
        case Outcome.LATER:
            return MessageState.READY if attempts < MOST_ATTEMPTS else MessageState.FAILED
        case Outcome.UNKNOWN:
            again = if_unknown is IfUnknown.RESEND and attempts < MOST_ATTEMPTS
            return MessageState.READY if again else MessageState.UNKNOWN


def pause_before_retry(attempts: int) -> timedelta:
    """How long a message waits after it wasn't taken: 1, 4, 16, 64 minutes."""
    return timedelta(minutes=4 ** max(0, attempts - 1))
