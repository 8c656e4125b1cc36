"""A signed webhook: e-mails as JSON for a system of yours, which sends them. It must know each e-mail's key for good.

`POST` with `{"messages": [...]}`, with `X-Tillroll-Signature` (`campaign/digest.py`). An e-mail whose answer was
lost is posted again: a `key` that was had before must be answered as taken, and not sent. See docs/mail-services.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.digest import sign
from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
from tillroll.errors import Misconfigured
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
    judge_status,
)
from tillroll.send.transports.services.letter import Letter

_SHORTEST_SECRET = 16
_OUTCOMES = {
    "taken": SENT,
    "refused": FAILED,
    "later": Answered(outcome=DeliveryOutcome.LATER),
}


class WebhookApi:
    """What a system of the shop's own is asked, and what its answers mean."""

    via = Via.WEBHOOK
    most = 500
    repeats = KeyMemory.ALWAYS

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[WebhookApi, HttpSession]:
        address.only("secret")
        secret = address.options.get("secret", "")
        if len(secret) < _SHORTEST_SECRET:
            raise Misconfigured(
                f"The secret in the address is missing, or has less than {_SHORTEST_SECRET} characters.",
                hint=f"Write it like {address.example}",
            )
        if not address.host:
            raise Misconfigured("The address names no host.", hint=f"Write it like {address.example}")
        scheme = address.scheme.partition("+")[2]
        return cls(secret), address.session(f"{scheme}://{address.host}{address.path}", {})

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        body = json.dumps({"messages": [_fields(letter) for letter in letters]}).encode()
        signature = sign(self._secret, int(now.timestamp()), body)
        return ApiRequest(path="", body=body, headers={"X-Tillroll-Signature": signature})

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if not answer.is_good:
            return [judge_status(answer, answer.text("message"))]
        raw = answer.values.get("results") if isinstance(answer.values, dict) else None
        if raw is None:
            return [SENT]
        named = {one.get("key"): one for one in raw if isinstance(one, dict)} if isinstance(raw, list) else {}
        return [_judge_one(named.get(letter.key)) for letter in letters]


def _judge_one(raw: Any) -> Answered:
    """Return what the result of one e-mail means; without one, it isn't known to be taken."""
    outcome = _OUTCOMES.get(str(raw.get("outcome"))) if isinstance(raw, dict) else None
    if outcome is None:
        return UNSURE.saying("200", "there is no result for it")
    return outcome if outcome is SENT else outcome.saying("200", str(raw.get("reason", "")))


def _fields(letter: Letter) -> dict[str, Any]:
    return {
        "key": letter.key,
        "campaign": letter.campaign,
        "run": letter.run_id,
        "from": {"name": letter.sender.name, "email": letter.sender.address},
        "to": {"name": letter.reader.name, "email": letter.reader.address},
        **({"reply_to": letter.reply_to} if letter.reply_to else {}),
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html_alone,
        "headers": [{"name": name, "value": value} for name, value in letter.headers],
        "code": letter.code,
    }
