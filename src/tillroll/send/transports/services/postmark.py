"""Postmark: fields in JSON, up to 500 e-mails a request, each with an answer of its own. No keys against repeats.

Sources: docs/mail-services.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
from tillroll.rendering.pictures.inline import Picture
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.services.address import ServiceAddress
from tillroll.send.transports.services.api import (
    FAILED,
    SENT,
    UNSURE,
    Answered,
    ApiAnswer,
    ApiRequest,
    KeyMemory,
    doubtful,
    judge_status,
    untried,
)
from tillroll.send.transports.services.letter import KEY, Letter, in_one_line
from tillroll.send.trouble import Trouble

BASE = "https://api.postmarkapp.com"

_CODES = {
    10: untried(Trouble.LOGIN),  # bad or missing token
    100: Answered(outcome=DeliveryOutcome.LATER, trouble=Trouble.UNREACHABLE),  # maintenance
    400: untried(Trouble.SENDER),  # no such sender signature
    401: untried(Trouble.SENDER),  # it is not confirmed
    405: untried(Trouble.LIMIT),  # not allowed to send: out of credits
    406: FAILED,  # the recipient is inactive: a hard bounce or a complaint before
    412: untried(Trouble.ACCOUNT),  # the account is pending
    413: untried(Trouble.ACCOUNT),  # the account may not send
    429: untried(Trouble.LIMIT),
    1235: untried(Trouble.ADDRESS),  # no such message stream
}
_INVALID = 300  # something in the e-mail; the text says what


class PostmarkApi:
    """What Postmark is asked, and what its answers mean."""

    via = Via.POSTMARK
    most = 500
    repeats = KeyMemory.NEVER

    def __init__(self, stream: str = "") -> None:
        """`stream`: the message stream; empty: the server's default one."""
        self._stream = stream

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[PostmarkApi, HttpSession]:
        address.only("stream")
        headers = {"X-Postmark-Server-Token": address.needed_key()}
        return cls(address.options.get("stream", "")), address.session(BASE, headers)

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        fields = [self._fields(letter) for letter in letters]
        return ApiRequest(path="/email/batch", body=json.dumps(fields).encode())

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if answer.is_good and isinstance(answer.values, list):
            return [_judge_one(one) for one in answer.values]
        if answer.is_good:
            return [UNSURE.saying(f"{answer.status}", "the answer has no results")]
        if answer.status == 422:
            return [_judge_one(answer.values)]
        return [judge_status(answer, answer.text("Message"))]

    def _fields(self, letter: Letter) -> dict[str, Any]:
        return {
            "From": in_one_line(letter.sender),
            "To": in_one_line(letter.reader),
            "Subject": letter.subject,
            "TextBody": letter.text,
            "HtmlBody": letter.html,
            "Headers": [{"Name": name, "Value": value} for name, value in letter.headers],
            "Metadata": {KEY: letter.key},
            "TrackOpens": False,
            "TrackLinks": "None",
            **({"Attachments": [_attached(each) for each in letter.pictures]} if letter.pictures else {}),
            **({"ReplyTo": letter.reply_to} if letter.reply_to else {}),
            **({"MessageStream": self._stream} if self._stream else {}),
        }


def _attached(picture: Picture) -> dict[str, str]:
    return {
        "Name": f"{picture.name}.png",
        "ContentType": "image/png",
        "Content": picture.base64,
        "ContentID": f"cid:{picture.content_id}",
    }


def _judge_one(raw: Any) -> Answered:
    """Return what one result of a batch means."""
    code = raw.get("ErrorCode", 0) if isinstance(raw, dict) else None
    if not isinstance(code, int):
        return UNSURE.saying("200", "a result can't be read")
    if code == 0:
        return SENT
    said = str(raw.get("Message", ""))
    return (_judge_invalid(said) if code == _INVALID else _CODES.get(code, doubtful())).saying(
        f"{code}", said
    )


def _judge_invalid(said: str) -> Answered:
    if "'To'" in said:
        return FAILED
    return untried(Trouble.SENDER) if "'From'" in said else doubtful()
