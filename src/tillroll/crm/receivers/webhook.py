"""A CRM's webhook: batches posted as signed JSON, as the e-mails and notices of a shop's own system are (`campaign/digest.py`).

Only public hosts are called, over verified TLS and without redirects. A private one must be in TILLROLL_HOSTS.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from tillroll.campaign.digest import sign
from tillroll.campaign.text.clean import clean_line
from tillroll.crm.receivers.answers import ReceiverAnswer
from tillroll.crm.receivers.receiver import EventBatch
from tillroll.ecwid.http.answers import Unreadable, parse, unpack
from tillroll.ecwid.http.headers import wait_asked
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.session import CallFailed, HttpAnswer, HttpSession
from tillroll.errors import Misconfigured

_SECONDS = 10.0  # for an answer
_LONGEST_REASON = 300


class CrmWebhook:
    """Posts batches to an address."""

    one_of_each = True
    most = 1_000
    shows_codes = False

    def __init__(self, address: str, *, secret: str, hosts: AllowedHosts) -> None:
        """Prepare calls. Raises `Misconfigured` for an address that may not be called."""
        self.name = address
        self._secret = secret
        self._session = HttpSession(address, hosts=hosts, headers={})

    def close(self) -> None:
        self._session.close()

    def take(self, batch: EventBatch, now: datetime) -> ReceiverAnswer:
        body = body_of(batch)
        keys = "\n".join(event.key for event in batch.events)
        headers = {
            "X-Tillroll-Signature": sign(self._secret, int(now.timestamp()), body),
            "Idempotency-Key": hashlib.sha256(keys.encode()).hexdigest()[:40],
        }
        try:
            answer = self._session.call(
                "POST", "", seconds=_SECONDS, body=body, kind="application/json", headers=headers
            )
        except CallFailed as fault:
            return ReceiverAnswer(
                status=0, said=f"no answer: {clean_line(str(fault), longest=_LONGEST_REASON)}"
            )
        except Misconfigured as fault:
            return ReceiverAnswer(status=0, said=fault.message)
        return _read(answer, now)


def body_of(batch: EventBatch) -> bytes:
    """Return what is posted. The same events make the same bytes."""
    head = f'{{"store": {json.dumps(batch.store)}, "batch": {batch.number}, "events": ['
    return f"{head}{', '.join(event.body for event in batch.events)}]}}".encode()


def _read(answer: HttpAnswer, now: datetime) -> ReceiverAnswer:
    try:
        values = parse(unpack(answer.body, answer.headers.get("Content-Encoding", "")))
    except Unreadable:
        values = None
    known = values if isinstance(values, dict) else {}
    said = clean_line(str(known.get("message") or answer.reason), longest=_LONGEST_REASON)
    asked = answer.headers.get("Retry-After")
    return ReceiverAnswer(
        status=answer.status,
        said=f"answered {answer.status} {said}".strip(),
        results=known.get("results"),
        wait=timedelta(seconds=wait_asked(answer.headers, now)) if asked else None,
    )
