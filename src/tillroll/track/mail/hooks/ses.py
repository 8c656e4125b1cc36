"""Amazon SES by SNS: a notification holds one event, for an e-mail with one recipient. The address is what only SNS knows.

A topic asks once whether it may post here (`subscription.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.states import MailEventKind
from tillroll.errors import Refused
from tillroll.track.mail.hooks.event import KEY, HookRequest, MailEvent, event, moment, obj, read_json, word

_MOST_HEADERS = 100


class SesHook:
    """What Amazon SES tells."""

    is_signed = False

    def check(self, request: HookRequest) -> None:
        """Do nothing: the address is what only the topic knows."""

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        if word(values, "Type") != "Notification":
            return []
        raw = values.get("Message")
        try:
            one = read_json(raw.encode()) if isinstance(raw, str) else {}
        except Refused:  # like the sentence that a topic begins with
            return []
        name = word(one, "eventType") or word(one, "notificationType")
        about = obj(one, name.lower())
        return event(
            _kind(name, about),
            key=word(values, "MessageId"),
            message_key=_message_key(one),
            reason=" ".join(filter(None, (word(about, "bounceType"), word(about, "bounceSubType")))),
            at=moment(word(about, "timestamp"), now),
            raw=one,
        )


def _kind(name: str, about: Any) -> MailEventKind | None:
    match name:
        case "Delivery":
            return MailEventKind.DELIVERED
        case "Bounce":
            for_good = word(about, "bounceType") == "Permanent"
            return MailEventKind.BOUNCED if for_good else MailEventKind.SOFT_BOUNCED
        case "Complaint" if word(about, "complaintFeedbackType") != "not-spam":
            return MailEventKind.COMPLAINED
        case _:
            return None


def _message_key(one: Any) -> str:
    """Return the key of the message: of its tags, or of the Message-ID that we gave it."""
    tagged = obj(one, "mail", "tags").get(KEY)
    if isinstance(tagged, list) and tagged and isinstance(tagged[0], str):
        return tagged[0]
    headers = obj(one, "mail").get("headers")
    for header in headers[:_MOST_HEADERS] if isinstance(headers, list) else []:
        if word(header, "name").lower() == "message-id":
            return word(header, "value").strip("<>").partition("@")[0]
    return ""
