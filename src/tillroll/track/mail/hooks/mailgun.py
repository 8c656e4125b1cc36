"""Mailgun's webhooks: one event a request, signed by an HMAC over a moment and a token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.states import MailEventKind
from tillroll.errors import NotAllowed
from tillroll.track.mail.hooks.event import (
    KEY,
    REPEATED_FOR,
    HookRequest,
    MailEvent,
    event,
    is_hmac,
    moment,
    obj,
    read_json,
    refuse_old,
    word,
)

_KINDS = {
    "delivered": MailEventKind.DELIVERED,
    "complained": MailEventKind.COMPLAINED,
    "unsubscribed": MailEventKind.UNSUBSCRIBED,
}
_FAILED = {
    "bounce": MailEventKind.BOUNCED,
    "suppress-bounce": MailEventKind.BOUNCED,
    "suppress-complaint": MailEventKind.COMPLAINED,
    "suppress-unsubscribe": MailEventKind.UNSUBSCRIBED,
}
"""Why an e-mail failed for good. Other reasons, like `espblock` and `old`, aren't the recipient's for sure."""


class MailgunHook:
    """What Mailgun tells."""

    is_signed = True

    def check(self, request: HookRequest) -> None:
        signature = obj(read_json(request.body), "signature")
        seconds, token = word(signature, "timestamp"), word(signature, "token")
        if not is_hmac(request.key.encode(), f"{seconds}{token}".encode(), word(signature, "signature")):
            raise NotAllowed("The signature is not Mailgun's.")
        refuse_old(seconds, request.now, REPEATED_FOR)

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        one = obj(values, "event-data")
        return event(
            _kind(one),
            key=word(one, "id"),
            message_key=word(one, "user-variables", KEY),
            reason=word(one, "delivery-status", "description") or word(one, "delivery-status", "message"),
            at=moment(word(one, "timestamp"), now),
            raw=one,
        )


def _kind(one: Any) -> MailEventKind | None:
    name = word(one, "event")
    if name != "failed":
        return _KINDS.get(name)
    for_good = word(one, "severity") == "permanent"
    return _FAILED.get(word(one, "reason"), MailEventKind.SOFT_BOUNCED) if for_good else None
