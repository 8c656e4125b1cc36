"""SendGrid's event webhook: lists of events, signed with a key pair (ECDSA) whose public half is in the account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tillroll.campaign.states import MailEventKind
from tillroll.errors import NotAllowed
from tillroll.track.mail.hooks.event import (
    KEY,
    REPEATED_FOR,
    HookRequest,
    MailEvent,
    event,
    from_base64,
    moment,
    refuse_old,
    rows,
    word,
)

_KINDS = {
    "delivered": MailEventKind.DELIVERED,
    "spamreport": MailEventKind.COMPLAINED,
    "unsubscribe": MailEventKind.UNSUBSCRIBED,
    "group_unsubscribe": MailEventKind.UNSUBSCRIBED,
}
_DROPPED = {
    "Bounced Address": MailEventKind.BOUNCED,
    "Invalid": MailEventKind.BOUNCED,
    "Spam Reporting Address": MailEventKind.COMPLAINED,
    "Unsubscribed Address": MailEventKind.UNSUBSCRIBED,
}


class SendgridHook:
    """What SendGrid tells."""

    is_signed = True

    def check(self, request: HookRequest) -> None:
        given = request.header("X-Twilio-Email-Event-Webhook-Signature")
        seconds = request.header("X-Twilio-Email-Event-Webhook-Timestamp")
        try:
            key = load_der_public_key(from_base64(request.key, "The key"))
            if not isinstance(key, EllipticCurvePublicKey):
                raise NotAllowed("The key is not one of SendGrid's.")
            signature = from_base64(given, "The signature")
            key.verify(signature, seconds.encode() + request.body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError, UnsupportedAlgorithm) as fault:
            raise NotAllowed("The signature is not SendGrid's.") from fault
        refuse_old(seconds, request.now, REPEATED_FOR)

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        return [found for one in rows(values) for found in _read_one(one, now)]


def _read_one(one: Any, now: datetime) -> list[MailEvent]:
    return event(
        _kind(one),
        key=word(one, "sg_event_id"),
        message_key=word(one, KEY),
        reason=word(one, "reason"),
        at=moment(word(one, "timestamp"), now),
        raw=one,
    )


def _kind(one: Any) -> MailEventKind | None:
    name, why = word(one, "event"), word(one, "type")
    if name == "bounce":  # "blocked": the receiving server refused for a reason that may pass
        return MailEventKind.SOFT_BOUNCED if why == "blocked" else MailEventKind.BOUNCED
    return _DROPPED.get(word(one, "reason")) if name == "dropped" else _KINDS.get(name)
