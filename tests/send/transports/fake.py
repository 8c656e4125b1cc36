"""A mail service on loopback: what all fakes have in common. Each follows the documentation that docs/mail-services.md names."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default as modern
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

UNKNOWN_READER = "customer2@example.com"
"""The services that check addresses refuse this one, unless a test says another."""


class Mood(StrEnum):
    """What the service does with a request, before it looks at what is in it."""

    WELL = "well"
    USED_UP = "used up"  # the account's quota
    SLOW_DOWN = "slow down"  # 429
    BROKEN = "broken"  # 500
    AWAY = "away"  # 503
    BEHIND = "behind"  # 504 of a gateway, after the request was carried out
    MUTE = "mute"  # it carries the request out, and says nothing
    CUT = "cut"  # it carries the request out, and hangs up
    MOVED = "moved"  # a redirect
    STRANGE = "strange"  # a page instead of an answer, as a hotel's network gives


@dataclass(frozen=True, kw_only=True)
class Taken:
    """An e-mail that the service has taken."""

    to: str
    sender: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]  # by their names in lower case
    key: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]  # by their names in lower case
    body: bytes

    @property
    def values(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the service answers."""

    status: int
    values: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return b"" if self.values is None else json.dumps(self.values).encode()


@dataclass
class FakeService:
    """A mail service. A subclass says how it checks keys, reads e-mails and answers."""

    url: ClassVar[str]  # what MAIL_URL is; `{api}` is where the fake is served
    key: ClassVar[str] = "key-Of-The-Service-1234567890abcdef"
    wait_header: ClassVar[str] = "Retry-After"
    says_little: ClassVar[bool] = False  # any good status means success
    refuses_readers: ClassVar[bool] = True  # when it is called; others tell later, by an event

    mood: Mood = Mood.WELL
    unknown: str = UNKNOWN_READER
    for_requests: int = 10**6  # so many requests meet the mood
    moods: list[Mood] = field(default_factory=list)  # of the next requests, before that
    together: threading.Barrier | None = None  # requests wait here for each other
    retry_after: str = ""
    taken: list[Taken] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        """The value of MAIL_URL that leads here."""
        return self.url.format(key=self.key, api=f"http://127.0.0.1:{self.port}", port=self.port)

    def knows(self, asked: Asked) -> bool:
        """Return whether the request has the right key."""
        raise NotImplementedError

    def refused(self) -> Reply:
        """Return the answer to a wrong key."""
        return Reply(status=401, values={"message": "unauthorized"})

    def used_up(self) -> Reply:
        """Return the answer of an account whose quota is used up."""
        raise NotImplementedError

    def take(self, asked: Asked) -> Reply:
        """Take the e-mails of a request."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Reply | None:
        """Return the answer to a request; None: there is none."""
        self.asked.append(asked)
        if self.together is not None:
            self.together.wait(60)
        mood = self.mood if len(self.asked) <= self.for_requests else Mood.WELL
        mood = self.moods.pop(0) if self.moods else mood
        wait = {self.wait_header: self.retry_after} if self.retry_after else {}
        if not self.knows(asked):
            return self.refused()
        match mood:
            case Mood.USED_UP:
                return self.used_up()
            case Mood.SLOW_DOWN:
                return Reply(status=429, values={"message": "too many requests"}, headers=wait)
            case Mood.BROKEN:
                return Reply(status=500, values={"message": "internal error"})
            case Mood.AWAY:
                return Reply(status=503, headers=wait)
            case Mood.MOVED:
                return Reply(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"})
            case Mood.STRANGE:
                return Reply(status=200, values="<html>please log in</html>")
            case Mood.BEHIND:
                self.take(asked)
                return Reply(status=504)
            case Mood.MUTE | Mood.CUT:
                self.take(asked)
                if mood is Mood.MUTE:
                    self.ended.wait(20)
                return None
        return self.take(asked)


def taken_whole(content: bytes, *, to: str, key: str) -> Taken:
    """Return an e-mail that came as a whole."""
    parsed = message_from_bytes(content, policy=modern)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None
    assert html is not None
    return Taken(
        to=to,
        sender=str(parsed["From"]),
        subject=str(parsed["Subject"]),
        text=text.get_content(),
        html=html.get_content(),
        headers={name.lower(): str(value) for name, value in parsed.items()},
        key=key,
    )


@contextmanager
def serving(fake: FakeService) -> Iterator[FakeService]:
    """Serve a fake from threads, for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = fake.answer(Asked(path=self.path, headers=headers, body=body))
            if reply is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_given: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        fake.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
