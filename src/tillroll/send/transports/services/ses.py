"""Amazon SES (API v2): takes the whole e-mail as we made it, one a request. No keys against repeats.

Sources: docs/mail-services.md.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
from tillroll.errors import Misconfigured
from tillroll.send.transports.services.address import ServiceAddress
from tillroll.send.transports.services.api import (
    JSON,
    Answered,
    ApiAnswer,
    ApiRequest,
    KeyMemory,
    doubtful,
    judge_status,
    judge_taken,
    untried,
)
from tillroll.send.transports.services.letter import KEY, Letter
from tillroll.send.transports.services.sigv4 import AwsKey, signed_headers
from tillroll.send.trouble import Trouble

_PATH = "/v2/email/outbound-emails"
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d{1,2}")
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_-]")
_KINDS = {
    "AccountSuspendedException": untried(Trouble.ACCOUNT),
    "SendingPausedException": untried(Trouble.ACCOUNT),
    "MailFromDomainNotVerifiedException": untried(Trouble.SENDER),
    "LimitExceededException": untried(Trouble.LIMIT),
    "NotFoundException": untried(Trouble.ADDRESS),
}
_TOO_FAST = re.compile(r"sending rate", re.IGNORECASE)
_NOT_VERIFIED = re.compile(r"not verified", re.IGNORECASE)
_SUSPENDED = re.compile(r"suspended|paused", re.IGNORECASE)
_A_SECOND = timedelta(seconds=1)


class SesApi:
    """What Amazon SES is asked, and what its answers mean."""

    via = Via.SES
    most = 1
    repeats = KeyMemory.NEVER

    def __init__(self, key: AwsKey, *, host: str, settings: str = "") -> None:
        """`host`: as the requests name it. `settings`: the configuration set; empty: the account's default."""
        self._key, self._host, self._settings = key, host, settings

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[SesApi, HttpSession]:
        address.only("configuration_set")
        region = address.needed_host("the AWS region")
        if not _REGION.fullmatch(region):
            raise Misconfigured("The address names no AWS region.", hint=f"Write it like {address.example}")
        base = f"https://email.{region}.amazonaws.com"
        key = AwsKey(
            access=address.needed_key(), secret=address.needed_secret(), region=region, service="ses"
        )
        host = urlsplit(address.options.get("api", base)).netloc
        settings = address.options.get("configuration_set", "")
        return cls(key, host=host, settings=settings), address.session(base, {})

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        (letter,) = letters
        fields = {
            "FromEmailAddress": letter.sender.address,
            "Destination": {"ToAddresses": [letter.reader.address]},
            "Content": {"Raw": {"Data": b64encode(letter.content).decode()}},
            "EmailTags": [{"Name": KEY, "Value": _NOT_IN_TAGS.sub("_", letter.key)}],
            **({"ConfigurationSetName": self._settings} if self._settings else {}),
        }
        body = json.dumps(fields).encode()
        signed = signed_headers(
            self._key,
            method="POST",
            host=self._host,
            path=_PATH,
            headers={"content-type": JSON},
            body=body,
            now=now,
        )
        return ApiRequest(path=_PATH, body=body, headers=signed)

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if answer.is_good:
            return [judge_taken(answer, answer.text("MessageId"))]
        said, status = answer.text("message") or answer.text("Message"), f"{answer.status}"
        kind = answer.headers.get("x-amzn-ErrorType", "").partition(":")[0]
        if kind in _KINDS:
            return [_KINDS[kind].saying(status, said)]
        if kind == "TooManyRequestsException":
            wait = _A_SECOND if _TOO_FAST.search(said) else None
            return [replace(untried(Trouble.LIMIT), wait=wait).saying(status, said)]
        if kind == "MessageRejected":
            return [_judge_rejected(said, letters[0]).saying(status, said)]
        return [judge_status(answer, said)]


def _judge_rejected(said: str, letter: Letter) -> Answered:
    """Judge a refusal of the e-mail. An account on trial may only write to addresses that it has verified."""
    if _SUSPENDED.search(said):
        return untried(Trouble.ACCOUNT)
    if _NOT_VERIFIED.search(said) and letter.reader.address.lower() not in said.lower():
        return untried(Trouble.SENDER)
    return doubtful()
