"""Mailgun: takes the whole e-mail as we made it, one a request. No keys against repeats. Sources: docs/mail-services.md."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
from tillroll.send.transports.services.address import ServiceAddress
from tillroll.send.transports.services.api import (
    Answered,
    ApiAnswer,
    ApiRequest,
    KeyMemory,
    judge_refusal,
    judge_taken,
)
from tillroll.send.transports.services.letter import KEY, Letter

BASE = "https://api.mailgun.net"
IN_EUROPE = "https://api.eu.mailgun.net"

_BETWEEN = "tillroll-part"
_ABOUT_READER = re.compile(r"^'?to'? parameter is not a valid address", re.IGNORECASE)
_ABOUT_SENDER = re.compile(r"^'?from'? parameter is not a valid address", re.IGNORECASE)


class MailgunApi:
    """What Mailgun is asked, and what its answers mean."""

    via = Via.MAILGUN
    most = 1
    repeats = KeyMemory.NEVER

    def __init__(self, domain: str) -> None:
        """`domain`: the sending domain, as the account has it."""
        self._domain = domain

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[MailgunApi, HttpSession]:
        address.only("region")
        login = b64encode(f"api:{address.needed_key()}".encode()).decode()
        base = address.in_region(BASE, eu=IN_EUROPE)
        session = address.session(base, {"Authorization": f"Basic {login}"})
        return cls(address.needed_host("the sending domain")), session

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        (letter,) = letters
        fields = {"to": letter.reader.address, f"v:{KEY}": letter.key, "o:tracking": "no"}
        return ApiRequest(
            path=f"/v3/{self._domain}/messages.mime",
            body=_form(fields, letter.content),
            kind=f"multipart/form-data; boundary={_BETWEEN}",
        )

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if answer.is_good:
            return [judge_taken(answer, answer.text("id"))]
        return [judge_refusal(answer, answer.text("message"), reader=_ABOUT_READER, sender=_ABOUT_SENDER)]


def _form(fields: dict[str, str], content: bytes) -> bytes:
    """Return a form with the e-mail as a file (RFC 7578). The boundary is in no e-mail of ours: lines there are encoded."""
    parts = [
        f'--{_BETWEEN}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{_BETWEEN}\r\nContent-Disposition: form-data; name="message"; filename="message.eml"\r\n'
        "Content-Type: message/rfc822\r\n\r\n"
    )
    return b"".join((*parts, head.encode(), content, f"\r\n--{_BETWEEN}--\r\n".encode()))
