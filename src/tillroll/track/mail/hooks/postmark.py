"""Postmark's webhooks: bounces, complaints, deliveries and subscription changes. They are not signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.states import MailEventKind
from tillroll.track.mail.hooks.event import KEY, HookRequest, MailEvent, event, moment, word

_BOUNCES = {
    "HardBounce": MailEventKind.BOUNCED,
    "BadEmailAddress": MailEventKind.BOUNCED,
    "SoftBounce": MailEventKind.SOFT_BOUNCED,
    "Transient": MailEventKind.SOFT_BOUNCED,
    "DnsError": MailEventKind.SOFT_BOUNCED,
    "SpamNotification": MailEventKind.COMPLAINED,
    "SpamComplaint": MailEventKind.COMPLAINED,
    "Unsubscribe": MailEventKind.UNSUBSCRIBED,
}
"""The other types are about the sender, or are no bounces."""


class PostmarkHook:
    """What Postmark tells."""

    is_signed = False

    def check(self, request: HookRequest) -> None:
        """Do nothing: the address is what only Postmark knows."""

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        at = next((moment(values[name], now) for name in _MOMENTS if word(values, name)), now)
        return event(
            _kind(values),
            key=word(values, "ID"),
            message_key=word(values, "Metadata", KEY),
            reason=word(values, "Description"),
            at=at,
            raw=values,
        )


_MOMENTS = ("DeliveredAt", "BouncedAt", "ChangedAt")


def _kind(values: Any) -> MailEventKind | None:
    match word(values, "RecordType"):
        case "Delivery":
            return MailEventKind.DELIVERED
        case "Bounce":
            return _BOUNCES.get(word(values, "Type"))
        case "SpamComplaint":
            return MailEventKind.COMPLAINED
        case "SubscriptionChange" if values.get("SuppressSending") is True:
            by_reader = word(values, "Origin") == "Recipient"
            why = _BOUNCES.get(word(values, "SuppressionReason"))
            return why if why is not None else (MailEventKind.UNSUBSCRIBED if by_reader else None)
        case _:
            return None
