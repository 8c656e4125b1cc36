"""The mail services as their documentation has them (docs/mail-services.md), as far as sending goes."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

from tests.send.transports.fake import Asked, FakeService, Reply, Taken, taken_whole
from tillroll.campaign.digest import sign

KEY = "tillroll-key"
SECRET = "a-secret-of-the-shop-0123456789"


def _bare(mailbox: str) -> str:
    return mailbox.rpartition("<")[2].rstrip(">")


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in headers.items()}


@dataclass
class FakePostmark(FakeService):
    """`POST /email/batch`."""

    url = "postmark://{key}@?api={api}&batch=3"

    def knows(self, asked: Asked) -> bool:
        return asked.headers.get("x-postmark-server-token") == self.key

    def refused(self) -> Reply:
        return Reply(status=401, values={"ErrorCode": 10, "Message": "Bad or missing Server API token."})

    def used_up(self) -> Reply:
        return Reply(status=422, values={"ErrorCode": 405, "Message": "Not allowed to send."})

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/email/batch"
        results = []
        for one in asked.values:
            if _bare(one["To"]) == self.unknown:
                said = "You tried to send to a recipient that has been marked as inactive."
                results.append({"ErrorCode": 406, "Message": said})
                continue
            self.taken.append(
                Taken(
                    to=_bare(one["To"]),
                    sender=one["From"],
                    subject=one["Subject"],
                    text=one["TextBody"],
                    html=one["HtmlBody"],
                    headers=_lower({each["Name"]: each["Value"] for each in one["Headers"]}),
                    key=one["Metadata"][KEY],
                )
            )
            results.append({"ErrorCode": 0, "Message": "OK", "MessageID": "0a1b", "To": one["To"]})
        return Reply(status=200, values=results)


@dataclass
class FakeSendgrid(FakeService):
    """`POST /v3/mail/send`."""

    url = "sendgrid://{key}@?api={api}"

    def knows(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {self.key}"

    def refused(self) -> Reply:
        return _faulty(401, "The provided authorization grant is invalid, expired, or revoked", None)

    def used_up(self) -> Reply:
        return _faulty(401, "Maximum credits exceeded", None)

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/v3/mail/send"
        one = asked.values
        (person,) = one["personalizations"]
        (reader,) = person["to"]
        assert not {name.lower() for name in one["headers"]} & {"to", "from", "subject", "reply-to", "cc"}
        if reader["email"] == self.unknown:
            return _faulty(400, "Does not contain a valid address.", "personalizations.0.to.0.email")
        content = {each["type"]: each["value"] for each in one["content"]}
        self.taken.append(
            Taken(
                to=reader["email"],
                sender=f"{one['from'].get('name', '')} <{one['from']['email']}>",
                subject=one["subject"],
                text=content["text/plain"],
                html=content["text/html"],
                headers=_lower(one["headers"]),
                key=person["custom_args"][KEY],
            )
        )
        return Reply(status=202, headers={"X-Message-Id": "14c5d75ce93"})


def _faulty(status: int, said: str, where: str | None) -> Reply:
    return Reply(status=status, values={"errors": [{"message": said, "field": where, "help": None}]})


@dataclass
class FakeMailgun(FakeService):
    """`POST /v3/{domain}/messages.mime`."""

    url = "mailgun://{key}@mail.shop.example?region=eu&api={api}"

    def knows(self, asked: Asked) -> bool:
        login = b64encode(f"api:{self.key}".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {login}"

    def refused(self) -> Reply:
        return Reply(status=401, values={"message": "Invalid private key"})

    def used_up(self) -> Reply:
        said = "Domain mail.shop.example is not allowed to send: recipient limit exceeded."
        return Reply(status=403, values={"message": said})

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/v3/mail.shop.example/messages.mime"
        form = _form(asked)
        to = form["to"].decode()
        if to == self.unknown:
            said = "'to' parameter is not a valid address. please check documentation"
            return Reply(status=400, values={"message": said})
        self.taken.append(taken_whole(form["message"], to=to, key=form[f"v:{KEY}"].decode()))
        return Reply(status=200, values={"id": "<2026.1@mail.shop.example>", "message": "Queued. Thank you."})


def _form(asked: Asked) -> dict[str, bytes]:
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    parsed = message_from_bytes(head + asked.body, policy=HTTP)
    fields: dict[str, bytes] = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        inner = part.get_payload()
        if isinstance(inner, list):  # the e-mail
            fields[str(name)] = inner[0].as_bytes()
        else:
            fields[str(name)] = part.get_content().strip().encode()
    return fields


@dataclass
class FakeBrevo(FakeService):
    """`POST /v3/smtp/email`."""

    url = "brevo://{key}@?api={api}"
    wait_header = "x-sib-ratelimit-reset"
    known: set[str] = field(default_factory=set)

    def knows(self, asked: Asked) -> bool:
        return asked.headers.get("api-key") == self.key

    def refused(self) -> Reply:
        return Reply(status=401, values={"code": "unauthorized", "message": "Key not found"})

    def used_up(self) -> Reply:
        said = "You do not have enough credits to send this email"
        return Reply(status=402, values={"code": "not_enough_credits", "message": said})

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/smtp/email"
        one = asked.values
        (reader,) = one["to"]
        headers = one["headers"]
        once = headers["idempotencyKey"]
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", once)
        if once in self.known:
            return Reply(
                status=400, values={"code": "duplicate_parameter", "message": "idempotencyKey is used"}
            )
        if reader["email"] == self.unknown:
            return Reply(
                status=400, values={"code": "invalid_parameter", "message": "email is not valid in to"}
            )
        self.known.add(once)
        self.taken.append(
            Taken(
                to=reader["email"],
                sender=f"{one['sender'].get('name', '')} <{one['sender']['email']}>",
                subject=one["subject"],
                text=one["textContent"],
                html=one["htmlContent"],
                headers=_lower(headers),
                key=headers["X-Mailin-custom"],
            )
        )
        return Reply(status=201, values={"messageId": "<202611291@smtp-relay.brevo.example>"})


@dataclass
class FakeSes(FakeService):
    """`POST /v2/email/outbound-emails`, with the signature checked as AWS does."""

    url = "ses://AKIDEXAMPLE:{key}@eu-central-1?configuration_set=tillroll&api={api}"
    key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    refuses_readers = False

    def knows(self, asked: Asked) -> bool:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d{8})/eu-central-1/ses/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            asked.headers.get("authorization", ""),
        )
        if found is None:
            return False
        day, names, given = found.groups()
        lines = [f"{name}:{asked.headers[name]}" for name in names.split(";")]
        digest = hashlib.sha256(asked.body).hexdigest()
        canonical = "\n".join(["POST", asked.path, "", *lines, "", names, digest])
        scope = f"{day}/eu-central-1/ses/aws4_request"
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256",
                asked.headers["x-amz-date"],
                scope,
                hashlib.sha256(canonical.encode()).hexdigest(),
            ]
        )
        key = b"AWS4" + self.key.encode()
        for part in (day, "eu-central-1", "ses", "aws4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        return hmac.new(key, text.encode(), "sha256").hexdigest() == given

    def refused(self) -> Reply:
        return _of_aws(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")

    def used_up(self) -> Reply:
        return _of_aws(429, "TooManyRequestsException", "Daily message quota exceeded.")

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/v2/email/outbound-emails"
        one = asked.values
        (to,) = one["Destination"]["ToAddresses"]
        (tag,) = one["EmailTags"]
        assert one["ConfigurationSetName"] == "tillroll"
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", tag["Value"])
        self.taken.append(taken_whole(b64decode(one["Content"]["Raw"]["Data"]), to=to, key=tag["Value"]))
        return Reply(status=200, values={"MessageId": "0107018f"})


def _of_aws(status: int, kind: str, said: str) -> Reply:
    return Reply(status=status, values={"message": said}, headers={"x-amzn-ErrorType": f"{kind}:http://aws"})


@dataclass
class FakeResend(FakeService):
    """`POST /emails/batch`."""

    url = "resend://{key}@?api={api}&batch=3"
    known: dict[str, tuple[bytes, Any]] = field(default_factory=dict)

    def knows(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {self.key}"

    def refused(self) -> Reply:
        return _of_resend(403, "invalid_api_key", "API key is invalid")

    def used_up(self) -> Reply:
        return _of_resend(429, "daily_quota_exceeded", "You have reached your daily email sending quota.")

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/emails/batch"
        assert asked.headers["x-batch-validation"] == "permissive"
        once = asked.headers["idempotency-key"]
        if once in self.known:
            body, values = self.known[once]
            if body != asked.body:
                return _of_resend(409, "invalid_idempotent_request", "Same key, but another payload")
            return Reply(status=200, values=values)
        data, errors = [], []
        for index, one in enumerate(asked.values):
            (to,) = one["to"]
            if _bare(to) == self.unknown:
                errors.append({"index": index, "message": "Invalid `to` field."})
                continue
            ((tag),) = one["tags"]
            self.taken.append(
                Taken(
                    to=_bare(to),
                    sender=one["from"],
                    subject=one["subject"],
                    text=one["text"],
                    html=one["html"],
                    headers=_lower(one["headers"]),
                    key=tag["value"],
                )
            )
            data.append({"id": f"ae2014de-{index}"})
        values = {"data": data, "errors": errors}
        self.known[once] = (asked.body, values)
        return Reply(status=200, values=values)


def _of_resend(status: int, name: str, said: str) -> Reply:
    return Reply(status=status, values={"statusCode": status, "name": name, "message": said})


@dataclass
class FakeWebhook(FakeService):
    """A system of the shop's own."""

    url = "webhook+http://127.0.0.1:{port}/mail/in?secret={key}&batch=3"
    key = SECRET
    says_little = True
    known: set[str] = field(default_factory=set)

    def knows(self, asked: Asked) -> bool:
        given = asked.headers.get("x-tillroll-signature", "")
        moment = given.partition("t=")[2].partition(",")[0]
        return moment.isdigit() and sign(self.key, int(moment), asked.body) == given

    def used_up(self) -> Reply:
        return Reply(status=402, values={"message": "no credit"})

    def take(self, asked: Asked) -> Reply:
        assert asked.path == "/mail/in"
        results = [self._take_one(one) for one in asked.values["messages"]]
        return Reply(status=200, values={"results": results})

    def _take_one(self, one: Mapping[str, Any]) -> dict[str, str]:
        if one["to"]["email"] == self.unknown:
            return {"key": one["key"], "outcome": "refused", "reason": "no such reader"}
        if one["key"] not in self.known:
            self.known.add(one["key"])
            self.taken.append(
                Taken(
                    to=one["to"]["email"],
                    sender=f"{one['from']['name']} <{one['from']['email']}>",
                    subject=one["subject"],
                    text=one["text"],
                    html=one["html"],
                    headers=_lower({each["name"]: each["value"] for each in one["headers"]}),
                    key=one["key"],
                )
            )
        return {"key": one["key"], "outcome": "taken"}


FAKES: Sequence[type[FakeService]] = (
    FakePostmark,
    FakeSendgrid,
    FakeMailgun,
    FakeBrevo,
    FakeSes,
    FakeResend,
    FakeWebhook,
)
