"""Brevo: fields in JSON, one e-mail a request. Knows a request again for half an hour by its key.

Sources, and what is open about List-Unsubscribe: docs/mail-services.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
from tillroll.send.transports.services.address import ServiceAddress
from tillroll.send.transports.services.api import (
    SENT,
    UNSURE,
    Answered,
    ApiAnswer,
    ApiRequest,
    KeyMemory,
    judge_refusal,
    judge_taken,
    untried,
)
from tillroll.send.transports.services.letter import Letter, in_fields
from tillroll.send.trouble import Trouble

BASE = "https://api.brevo.com/v3"

_LONGEST_NAME = 70
_ABOUT_READER = re.compile(r"\bnot valid in to\b|\binvalid (recipient|to)\b", re.IGNORECASE)
_ABOUT_SENDER = re.compile(r"\bsender\b", re.IGNORECASE)
_MOST_SECONDS = 86_400


class BrevoApi:
    """What Brevo is asked, and what its answers mean."""

    via = Via.BREVO
    most = 1
    repeats = KeyMemory.A_WHILE

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[BrevoApi, HttpSession]:
        address.only()
        return cls(), address.session(BASE, {"api-key": address.needed_key()})

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        (letter,) = letters
        own = {"X-Mailin-custom": letter.key, "idempotencyKey": str(uuid5(NAMESPACE_URL, letter.key))}
        fields: dict[str, Any] = {
            "sender": in_fields(letter.sender, longest=_LONGEST_NAME),
            "to": [in_fields(letter.reader, longest=_LONGEST_NAME)],
            **({"replyTo": {"email": letter.reply_to}} if letter.reply_to else {}),
            "subject": letter.subject,
            "htmlContent": letter.html_alone,
            "textContent": letter.text,
            "headers": {**dict(letter.headers), **own},
        }
        return ApiRequest(path="/smtp/email", body=json.dumps(fields).encode())

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if answer.is_good:
            return [judge_taken(answer, answer.text("messageId"))]
        code, said, status = answer.text("code"), answer.text("message"), f"{answer.status}"
        if code == "duplicate_parameter":  # it has had this key, so it took the e-mail before
            return [SENT if answer.is_repeat else UNSURE.saying(status, said)]
        if code == "not_enough_credits":
            return [untried(Trouble.LIMIT).saying(status, said)]
        judged = judge_refusal(answer, said, reader=_ABOUT_READER, sender=_ABOUT_SENDER)
        return [replace(judged, wait=_wait(answer)) if answer.status == 429 else judged]


def _wait(answer: ApiAnswer) -> timedelta | None:
    """Return how long its own header asks to wait."""
    raw = answer.headers.get("x-sib-ratelimit-reset", "").strip()
    is_number = raw.isascii() and raw.isdigit() and len(raw) < 9
    return timedelta(seconds=min(int(raw), _MOST_SECONDS)) if is_number else None
