"""Resend: fields in JSON, up to 100 e-mails a request, each judged alone. Knows a request again for a day by its key.

Sources: docs/mail-services.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
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

BASE = "https://api.resend.com"

_ABOUT_READER = re.compile(r"`to`")
_ABOUT_SENDER = re.compile(r"`from`|domain is not verified|own email address", re.IGNORECASE)
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_-]")
_SENDERS = frozenset({"invalid_from_address"})
_LIMITS = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})
_HAD_IT = frozenset({"invalid_idempotent_request", "concurrent_idempotent_requests"})


class ResendApi:
    """What Resend is asked, and what its answers mean."""

    via = Via.RESEND
    most = 100
    repeats = KeyMemory.A_WHILE

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[ResendApi, HttpSession]:
        address.only()
        return cls(), address.session(BASE, {"Authorization": f"Bearer {address.needed_key()}"})

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        keys = "\n".join(letter.key for letter in letters)
        return ApiRequest(
            path="/emails/batch",
            body=json.dumps([_fields(letter) for letter in letters]).encode(),
            headers={
                "Idempotency-Key": hashlib.sha256(keys.encode()).hexdigest(),
                "x-batch-validation": "permissive",  # one bad address must not cost its neighbours
            },
        )

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if answer.is_good:
            return _judge_batch(answer, len(letters))
        name, said, status = answer.text("name"), answer.text("message"), f"{answer.status}"
        if name in _HAD_IT:  # it took the same e-mails before, or is taking them just now
            return [UNSURE.saying(status, said)]
        if name in _SENDERS or (answer.status in {400, 403, 422} and _ABOUT_SENDER.search(said)):
            return [untried(Trouble.SENDER).saying(status, said)]
        if name in _LIMITS:
            return [untried(Trouble.LIMIT).saying(status, said)]
        if answer.status in {400, 422}:
            return [_judge_text(said).saying(status, said)]
        return [judge_status(answer, said)]


def _fields(letter: Letter) -> dict[str, Any]:
    return {
        "from": in_one_line(letter.sender),
        "to": [in_one_line(letter.reader)],
        **({"reply_to": [letter.reply_to]} if letter.reply_to else {}),
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html_alone,
        "headers": dict(letter.headers),
        "tags": [{"name": KEY, "value": _NOT_IN_TAGS.sub("_", letter.key)}],
    }


def _judge_batch(answer: ApiAnswer, count: int) -> Sequence[Answered]:
    """Return the result of each e-mail: those with an index among the errors were not taken, all others were."""
    values = answer.values if isinstance(answer.values, dict) else {}
    taken, errors = values.get("data"), values.get("errors") or []
    if not isinstance(taken, list) or not isinstance(errors, list):
        return [UNSURE.saying(f"{answer.status}", "the answer has no results")]
    results = [SENT] * count
    for error in errors:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            return [UNSURE.saying(f"{answer.status}", "an error is about none of the e-mails")]
        said = str(error.get("message", ""))
        results[index] = _judge_text(said).saying("422", said)
    if len(taken) != sum(one is SENT for one in results):
        return [UNSURE.saying(f"{answer.status}", "the answer is about another number of e-mails")]
    return results


def _judge_text(said: str) -> Answered:
    if _ABOUT_SENDER.search(said):
        return untried(Trouble.SENDER)
    return FAILED if _ABOUT_READER.search(said) else doubtful()
