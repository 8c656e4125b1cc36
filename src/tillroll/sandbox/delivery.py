"""Sends a store's webhooks: signed, one at a time, each until somebody takes it (dossier sections 5.2 to 5.5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import sqlite3
import ssl
import threading
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

from tillroll.clock import Clock
from tillroll.sandbox.memory.state import dump
from tillroll.sandbox.memory.switches import Switches
from tillroll.sandbox.memory.webhooks import Outbox

_SUCCESS = {"newest": {200, 201, 202, 204, 209}, "200": {200}}
_CONNECT_SECONDS, _ANSWER_SECONDS = 3.0, 10.0


class Sender:
    """Delivers a store's events from a thread, one at a time."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        store_id: int,
        secret: str,
        clock: Clock,
        speed: float,
        switches: Callable[[], Switches],
    ) -> None:
        self._outbox, self._store_id, self._secret = outbox, store_id, secret
        self._clock, self._speed, self._switches = clock, speed, switches
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
            self._thread.start()
        self._outbox.wake.set()

    def stop(self) -> None:
        """Finish the delivery under way."""
        self._stop.set()
        self._outbox.wake.set()
        if self._thread is not None:
            self._thread.join(timeout=_ANSWER_SECONDS + _CONNECT_SECONDS + 1)

    def _run(self) -> None:
        while not self._stop.is_set():
            row = self._outbox.next() if self._outbox.url else None
            wait = 1.0 if row is None else row["not_before"] - self._clock.now().timestamp()
            if row is None or wait > 0:
                # a clock that is set by hand moves without telling
                self._outbox.wake.wait(min(0.05, wait / self._speed) if row is not None else wait)
                self._outbox.wake.clear()
            elif self._deliver(row):
                self._outbox.taken(row)
            else:
                self._outbox.refused(row)

    def _deliver(self, row: sqlite3.Row) -> bool:
        """One try; whether it was taken."""
        switches, event_type = self._switches(), row["type"]
        if switches.webhook_spelling == "snake":
            event_type = re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), event_type)
        body = {
            "eventId": row["event_id"],
            "eventCreated": row["created"],
            "storeId": self._store_id,
            "entityId": json.loads(row["entity"]),
            "eventType": event_type,
        }
        if row["data"]:
            body["data"] = json.loads(row["data"])
        headers = [
            ("Content-Type", "application/json; charset=UTF-8"),
            ("X-Ecwid-Webhook-Signature", signature(self._secret, row["created"], row["event_id"])),
            *self._outbox.headers.items(),  # one of the same name as ours is sent beside it
        ]
        try:
            status = _post(self._outbox.url, event_type, dump(body).encode(), headers)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return status in _SUCCESS[switches.webhook_success]


def signature(secret: str, created: int, event_id: str) -> str:
    """What the header says: of the event's time and id alone; the body is not signed."""
    digest = hmac.new(secret.encode(), f"{created}.{event_id}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _post(url: str, event_type: str, content: bytes, headers: Sequence[tuple[str, str]]) -> int:
    parts = urlsplit(url)
    target = (parts.path or "/") + "?" + (parts.query + "&" if parts.query else "")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=_CONNECT_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=_CONNECT_SECONDS)
    try:
        connection.connect()
        connection.sock.settimeout(_ANSWER_SECONDS)
        connection.putrequest("POST", f"{target}eventtype={quote(event_type)}")
        for name, value in [*headers, ("Content-Length", str(len(content)))]:
            connection.putheader(name, value)
        connection.endheaders(content)
        return connection.getresponse().status
    finally:
        connection.close()
