"""A CRM's end of the webhook, on this machine: it checks signatures, drops events that it had, and answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.signed import assert_signed

SECRET = "a secret of the crm's tests"


@dataclass(kw_only=True)
class Mood:
    """How the receiver treats one batch."""

    status: int = 200
    takes: bool = True  # it keeps the events, whatever it answers
    answers: bool = True  # otherwise it hangs up
    wait: int | None = None
    results: list[dict[str, str]] | None = None
    to: str = ""  # of a redirect


@dataclass
class Crm:
    """What the CRM has."""

    mood: Callable[[list[dict[str, Any]]], Mood] = lambda _events: Mood()
    taken: list[dict[str, Any]] = field(
        default_factory=list
    )  # each event once, in the order in which they came
    posts: list[tuple[str, bytes]] = field(default_factory=list)  # idempotency keys and bodies, of all tries
    repeats: int = 0
    url: str = ""

    def take(self, key: str, body: bytes) -> Mood:
        self.posts.append((key, body))
        events = json.loads(body)["events"]
        mood = self.mood(events)
        refused = {each["id"] for each in mood.results or [] if each["outcome"] != "taken"}
        known = {event["id"] for event in self.taken}
        for event in events if mood.takes else []:
            if event["id"] in known:
                self.repeats += 1
            elif event["id"] not in refused:
                self.taken.append(event)
        return mood

    def types(self, customer: int | None = None) -> list[str]:
        """Return what was told, of one customer or of all."""
        mine = [event for event in self.taken if customer in (None, (event["customer"] or {}).get("id"))]
        return [event["type"] for event in mine]


@contextmanager
def crm_server() -> Iterator[Crm]:
    crm = Crm()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert_signed(self.headers["X-Tillroll-Signature"], body, SECRET)
            mood = crm.take(self.headers["Idempotency-Key"], body)
            if not mood.answers:
                self.close_connection = True
                return
            answer = json.dumps({"results": mood.results} if mood.results is not None else {}).encode()
            self.send_response(mood.status)
            self.send_header("Content-Length", str(len(answer)))
            if mood.wait is not None:
                self.send_header("Retry-After", str(mood.wait))
            if mood.to:
                self.send_header("Location", mood.to)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    crm.url = f"http://127.0.0.1:{server.server_port}/tillroll"
    try:
        yield crm
    finally:
        server.shutdown()
        server.server_close()
