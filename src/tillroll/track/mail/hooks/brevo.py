"""Brevo's transactional webhooks: one event a request, or lists of them. They are not signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.states import MailEventKind
from tillroll.track.mail.hooks.event import HookRequest, MailEvent, event, moment, rows, word

_KINDS = {
    "delivered": MailEventKind.DELIVERED,
    "hard_bounce": MailEventKind.BOUNCED,
    "invalid_email": MailEventKind.BOUNCED,
    "soft_bounce": MailEventKind.SOFT_BOUNCED,
    "blocked": MailEventKind.SOFT_BOUNCED,
    "spam": MailEventKind.COMPLAINED,
    "complaint": MailEventKind.COMPLAINED,
    "unsubscribe": MailEventKind.UNSUBSCRIBED,
    "unsubscribed": MailEventKind.UNSUBSCRIBED,
}
_MILLISECOND = 0.001


class BrevoHook:
    """What Brevo tells."""

    is_signed = False

    def check(self, request: HookRequest) -> None:
        """Do nothing: the address is what only Brevo knows."""

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        return [found for one in rows(values) for found in _read_one(one, now)]


def _read_one(one: Any, now: datetime) -> list[MailEvent]:
    return event(
        _KINDS.get(word(one, "event")),
        key="",  # it names none
        message_key=word(one, "X-Mailin-custom"),
        reason=word(one, "reason"),
        at=moment(word(one, "ts_epoch"), now, seconds=_MILLISECOND),
        raw=one,
    )
