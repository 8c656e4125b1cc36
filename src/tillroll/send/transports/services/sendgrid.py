"""SendGrid: fields in JSON, one e-mail a request. No keys against repeats.

One request can address many readers, but only with the same words, so it is of no use here. Sources: docs/mail-services.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.language.models import Via
from tillroll.ecwid.http.session import HttpSession
from tillroll.rendering.pictures.inline import Picture
from tillroll.send.transports.services.address import ServiceAddress
from tillroll.send.transports.services.api import (
    FAILED,
    Answered,
    ApiAnswer,
    ApiRequest,
    KeyMemory,
    judge_status,
    judge_taken,
    untried,
)
from tillroll.send.transports.services.letter import KEY, Letter, in_fields
from tillroll.send.trouble import Trouble

BASE = "https://api.sendgrid.com"
IN_EUROPE = "https://api.eu.sendgrid.com"


class SendgridApi:
    """What SendGrid is asked, and what its answers mean."""

    via = Via.SENDGRID
    most = 1
    repeats = KeyMemory.NEVER

    @classmethod
    def of(cls, address: ServiceAddress) -> tuple[SendgridApi, HttpSession]:
        address.only("region")
        headers = {"Authorization": f"Bearer {address.needed_key()}"}
        return cls(), address.session(address.in_region(BASE, eu=IN_EUROPE), headers)

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        (letter,) = letters
        fields = {
            "personalizations": [{"to": [in_fields(letter.reader)], "custom_args": {KEY: letter.key}}],
            "from": in_fields(letter.sender),
            **({"reply_to": {"email": letter.reply_to}} if letter.reply_to else {}),
            "subject": letter.subject,
            "content": [
                {"type": kind, "value": value}
                for kind, value in (("text/plain", letter.text), ("text/html", letter.html))
                if value
            ],
            **({"attachments": [_attached(each) for each in letter.pictures]} if letter.pictures else {}),
            "headers": dict(letter.headers),
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": {"enable": False},
                "subscription_tracking": {"enable": False},
            },
        }
        return ApiRequest(path="/v3/mail/send", body=json.dumps(fields).encode())

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        if answer.is_good:
            return [judge_taken(answer, answer.headers.get("X-Message-Id", ""))]
        faults = _faults(answer.values)
        said = "; ".join(text for _, text in faults)
        fields = [field for field, _ in faults]
        status = f"{answer.status}"
        if answer.status == 400 and fields and all(_is_reader(field) for field in fields):
            return [FAILED.saying(status, said)]
        if answer.status in {400, 403} and any(field.partition(".")[0] == "from" for field in fields):
            return [untried(Trouble.SENDER).saying(status, said)]
        return [judge_status(answer, said)]


def _attached(picture: Picture) -> dict[str, str]:
    return {
        "content": picture.base64,
        "type": "image/png",
        "filename": f"{picture.name}.png",
        "disposition": "inline",
        "content_id": picture.content_id,
    }


def _is_reader(field: str) -> bool:
    """Return whether a fault is about the recipient, as in `personalizations.0.to.0.email`."""
    return field.startswith("personalizations.") and ".to" in field


def _faults(values: Any) -> list[tuple[str, str]]:
    """Return field and text of each fault that an answer names."""
    raw = values.get("errors") if isinstance(values, dict) else None
    rows = [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    return [(str(one.get("field") or ""), str(one.get("message") or "")) for one in rows]
