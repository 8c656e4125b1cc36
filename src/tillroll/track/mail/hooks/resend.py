"""Resend's webhooks: one event a request, signed as Svix does (an HMAC over id, moment and body)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.states import MailEventKind
from tillroll.errors import NotAllowed
from tillroll.track.mail.hooks.event import (
    KEY,
    TOLERANCE,
    HookRequest,
    MailEvent,
    event,
    from_base64,
    is_hmac,
    moment,
    obj,
    refuse_old,
    word,
)

_KINDS = {
    "email.delivered": MailEventKind.DELIVERED,
    "email.complained": MailEventKind.COMPLAINED,
    "email.suppressed": MailEventKind.BOUNCED,
}
_PREFIX = "whsec_"
_MOST_TAGS = 100


class ResendHook:
    """What Resend tells."""

    is_signed = True

    def check(self, request: HookRequest) -> None:
        id_, seconds = request.header("svix-id"), request.header("svix-timestamp")
        key = from_base64(request.key.removeprefix(_PREFIX), "The key")
        content = f"{id_}.{seconds}.".encode() + request.body
        given = [one.partition(",") for one in request.header("svix-signature")[:2_000].split()]
        if not any(
            version == "v1" and is_hmac(key, content, one, in_base64=True) for version, _, one in given
        ):
            raise NotAllowed("The signature is not Resend's.")
        refuse_old(seconds, request.now, TOLERANCE)

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        data = obj(values, "data")
        return event(
            _kind(word(values, "type"), data),
            key="",  # the request's own would differ between two hooks of one account
            message_key=_tag(data.get("tags")),
            reason=word(data, "bounce", "message"),
            at=moment(word(values, "created_at"), now),
            raw=values,
        )


def _kind(name: str, data: Any) -> MailEventKind | None:
    if name != "email.bounced":
        return _KINDS.get(name)
    for_a_while = word(data, "bounce", "type") in {"Transient", "Undetermined"}
    return MailEventKind.SOFT_BOUNCED if for_a_while else MailEventKind.BOUNCED


def _tag(tags: Any) -> str:
    """Return the key of the message among an e-mail's tags: an object, or a list of names and values."""
    if isinstance(tags, list):
        return next((word(tag, "value") for tag in tags[:_MOST_TAGS] if word(tag, "name") == KEY), "")
    return word(tags, KEY)
