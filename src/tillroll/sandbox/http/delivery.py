"""Delivery of a store's webhooks: signed, one at a time, each retried until it is accepted (dossier sections 5.2 to 5.5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

from tillroll.clock import Clock
from tillroll.sandbox.state.database import dump
from tillroll.sandbox.state.switches import Switches
from tillroll.sandbox.state.webhooks import WebhookQueue

_SUCCESS = {"newest": {200, 201, 202, 204, 209}, "200": {200}}
_CONNECT_SECONDS, _ANSWER_SECONDS = 3.0, 10.0
_LONGEST_LINE = 4_096  # bytes of a status line


class Sender:
    """A thread that delivers a store's events one at a time."""

    def __init__(
        self,
        outbox: WebhookQueue,
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
        """Start the thread, unless it runs."""
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
                # a clock set by hand moves without notice
                self._outbox.wake.wait(min(0.05, wait / self._speed) if row is not None else wait)
                self._outbox.wake.clear()
            elif self._deliver(row):
                self._outbox.taken(row)
            else:
                self._outbox.refused(row)

    def _deliver(self, row: sqlite3.Row) -> bool:
        """Try once to deliver an event; return whether it was accepted."""
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
            *self._outbox.headers.items(),  # a registered header of the same name as ours is sent as well
        ]
        try:
            status = _post(self._outbox.url, event_type, dump(body).encode(), headers, self._clock)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return status in _SUCCESS[switches.webhook_success]


def signature(secret: str, created: int, event_id: str) -> str:
    """Return the signature header. It covers the event's time and id; the body is not signed."""
    digest = hmac.new(secret.encode(), f"{created}.{event_id}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _post(url: str, event_type: str, content: bytes, headers: Sequence[tuple[str, str]], clock: Clock) -> int:
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
        return read_status(connection.sock, clock, seconds=_ANSWER_SECONDS)
    finally:
        connection.close()


def read_status(sock: socket.socket, clock: Clock, *, seconds: float) -> int:
    """Read the status of an answer; its headers and body don't matter. Raises `OSError` or `ValueError` if none comes in time."""
    ends, line = clock.monotonic() + seconds, b""
    while b"\n" not in line:
        left = ends - clock.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        if len(line) > _LONGEST_LINE:
            raise ValueError("the answer does not begin with a status")
        sock.settimeout(left)
        piece = sock.recv(_LONGEST_LINE)
        if not piece:
            raise ConnectionError("the connection was closed")
        line += piece
    found = re.match(rb"HTTP/1\.[01] (\d{3})\b", line)
    if found is None:
        raise ValueError("the answer does not begin with a status")
    return int(found[1])
