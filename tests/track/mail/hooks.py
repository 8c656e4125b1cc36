"""How each mail service posts what happened, as its documentation has it (docs/mail-services.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tillroll.campaign.digest import sign
from tillroll.campaign.states import MailEventKind

KEY = "tillroll-key"
DELIVERED, BOUNCED, SOFT = MailEventKind.DELIVERED, MailEventKind.BOUNCED, MailEventKind.SOFT_BOUNCED
COMPLAINED, UNSUBSCRIBED = MailEventKind.COMPLAINED, MailEventKind.UNSUBSCRIBED


@dataclass(frozen=True, kw_only=True)
class Posted:
    """One request of a service."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Teller:
    """A mail service that tells what happened. A subclass says in which words."""

    service: ClassVar[str]
    kinds: ClassVar[Sequence[MailEventKind]] = tuple(MailEventKind)
    hook_key = ""  # MAIL_HOOK_KEY

    def tell(self, kind: MailEventKind, key: str, *, at: datetime, id_: str = "e1") -> Posted:
        return self.sign(json.dumps(self.event(kind, key, at, id_)).encode(), at)

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        raise NotImplementedError

    def sign(self, body: bytes, at: datetime) -> Posted:
        return Posted(body=body)


class Postmark(Teller):
    service = "postmark"

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        common = {"MessageID": "883953f4", "Metadata": {KEY: key}, "MessageStream": "outbound"}
        when = at.isoformat().replace("+00:00", "Z")
        bounce = {**common, "RecordType": "Bounce", "ID": id_, "BouncedAt": when, "Email": "x@example.com"}
        match kind:
            case MailEventKind.DELIVERED:
                return {**common, "RecordType": "Delivery", "DeliveredAt": when, "Recipient": "x@example.com"}
            case MailEventKind.BOUNCED:
                return {**bounce, "Type": "HardBounce", "TypeCode": 1, "Description": "no such user"}
            case MailEventKind.SOFT_BOUNCED:
                return {**bounce, "Type": "SoftBounce", "TypeCode": 4096}
            case MailEventKind.COMPLAINED:
                return {**bounce, "RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512}
            case MailEventKind.UNSUBSCRIBED:
                change = {"RecordType": "SubscriptionChange", "SuppressSending": True, "ChangedAt": when}
                return {**common, **change, "SuppressionReason": "ManualSuppression", "Origin": "Recipient"}


class Sendgrid(Teller):
    service = "sendgrid"

    def __init__(self) -> None:
        self._private = generate_private_key(SECP256R1())
        public = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.hook_key = base64.b64encode(public).decode()

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        words = {
            DELIVERED: {"event": "delivered", "response": "250 OK"},
            BOUNCED: {"event": "bounce", "type": "bounce", "reason": "550 5.1.1 unknown", "status": "5.1.1"},
            SOFT: {"event": "bounce", "type": "blocked", "reason": "421 busy"},
            COMPLAINED: {"event": "spamreport"},
            UNSUBSCRIBED: {"event": "unsubscribe"},
        }[kind]
        other = {"event": "processed", "sg_event_id": f"p-{id_}", "email": "x@example.com", KEY: key}
        mine = {"email": "x@example.com", "timestamp": int(at.timestamp()), "sg_event_id": id_, KEY: key}
        return [other, {**mine, **words}]

    def sign(self, body: bytes, at: datetime) -> Posted:
        seconds = str(int(at.timestamp()))
        signature = self._private.sign(seconds.encode() + body, ECDSA(SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": seconds,
        }
        return Posted(body=body, headers=headers)


class Mailgun(Teller):
    service = "mailgun"
    hook_key = "signing-key-of-mailgun"

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        words = {
            DELIVERED: {"event": "delivered"},
            BOUNCED: {"event": "failed", "severity": "permanent", "reason": "bounce"},
            SOFT: {"event": "failed", "severity": "permanent", "reason": "old"},
            COMPLAINED: {"event": "complained"},
            UNSUBSCRIBED: {"event": "unsubscribed"},
        }[kind]
        data = {"id": id_, "timestamp": at.timestamp(), "user-variables": {KEY: key}, **words}
        seconds, token = str(int(at.timestamp())), "f" * 50
        made = hmac.new(self.hook_key.encode(), f"{seconds}{token}".encode(), hashlib.sha256).hexdigest()
        return {"signature": {"timestamp": seconds, "token": token, "signature": made}, "event-data": data}


class Brevo(Teller):
    service = "brevo"

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        name = {
            DELIVERED: "delivered",
            BOUNCED: "hard_bounce",
            SOFT: "soft_bounce",
            COMPLAINED: "spam",
            UNSUBSCRIBED: "unsubscribed",
        }[kind]
        moment = int(at.timestamp() * 1000)
        return {
            "event": name,
            "email": "x@example.com",
            "id": id_,
            "ts_epoch": moment,
            "X-Mailin-custom": key,
        }


class Ses(Teller):
    service = "ses"
    kinds = (DELIVERED, BOUNCED, SOFT, COMPLAINED)

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        when = at.isoformat().replace("+00:00", "Z")
        bounce = {"timestamp": when, "bouncedRecipients": [{"emailAddress": "x@example.com"}]}
        words: dict[str, Any] = {
            DELIVERED: {"eventType": "Delivery", "delivery": {"timestamp": when}},
            BOUNCED: {"eventType": "Bounce", "bounce": {**bounce, "bounceType": "Permanent"}},
            SOFT: {"eventType": "Bounce", "bounce": {**bounce, "bounceType": "Transient"}},
            COMPLAINED: {"eventType": "Complaint", "complaint": {"timestamp": when}},
        }[kind]
        told = {
            "mail": {"messageId": "0107", "tags": {KEY: [key], "ses:from-domain": ["shop.example"]}},
            **words,
        }
        return {"Type": "Notification", "MessageId": id_, "TopicArn": "arn", "Message": json.dumps(told)}


class Resend(Teller):
    service = "resend"
    kinds = (DELIVERED, BOUNCED, SOFT, COMPLAINED)
    hook_key = "whsec_" + base64.b64encode(b"a secret of resend").decode()

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        name = {
            DELIVERED: "email.delivered",
            BOUNCED: "email.bounced",
            SOFT: "email.bounced",
            COMPLAINED: "email.complained",
        }[kind]
        data: dict[str, Any] = {"email_id": id_, "to": ["x@example.com"], "tags": {KEY: key}}
        if name == "email.bounced":
            data["bounce"] = {"type": "Permanent" if kind is BOUNCED else "Transient", "message": "no"}
        return {"type": name, "created_at": at.isoformat().replace("+00:00", "Z"), "data": data}

    def sign(self, body: bytes, at: datetime) -> Posted:
        id_, seconds = "msg_1", str(int(at.timestamp()))
        key = base64.b64decode(self.hook_key.removeprefix("whsec_"))
        made = hmac.new(key, f"{id_}.{seconds}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(b'x' * 32).decode()} v1,{base64.b64encode(made).decode()}"
        headers = {"svix-id": id_, "svix-timestamp": seconds, "svix-signature": signature}
        return Posted(body=body, headers=headers)


class Own(Teller):
    service = "webhook"
    hook_key = "a-secret-of-the-shop-0123456789"

    def event(self, kind: MailEventKind, key: str, at: datetime, id_: str) -> Any:
        return {"events": [{"id": id_, "key": key, "kind": kind.value, "at": at.isoformat()}]}

    def sign(self, body: bytes, at: datetime) -> Posted:
        return Posted(
            body=body, headers={"X-Tillroll-Signature": sign(self.hook_key, int(at.timestamp()), body)}
        )


TELLERS: Sequence[type[Teller]] = (Postmark, Sendgrid, Mailgun, Brevo, Ses, Resend, Own)
