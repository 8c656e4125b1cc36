"""Klaviyo's and Mailchimp's ends of the push, on this machine, as the pages that docs/crm.md names have them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tillroll.campaign.language.crm import CrmRules, MailchimpRules
from tillroll.crm.receivers.account import CrmAccount

KLAVIYO_KEY = "pk_0123456789abcdef0123456789abcdef01"
MAILCHIMP_KEY = "0123456789abcdef0123456789abcdef-us21"
AUDIENCE = "a1b2c3d4e5"

Answer = tuple[int, Any]


@dataclass(kw_only=True)
class Whim:
    """How a service treats one call otherwise than it should."""

    status: int = 0  # 0: as it should
    takes: bool = False  # it does what it was asked, whatever it answers
    answers: bool = True  # otherwise it hangs up
    wait: int | None = None  # Retry-After
    detail: str = ""


class FakeService(Protocol):
    """What the tests see of a service."""

    url: str
    key: str  # that it accepts
    whim: Callable[
        [str, Any], Whim
    ]  # by the address of the person, or "" if the call is about none; and the body
    calls: list[tuple[str, str]]  # methods and paths
    rules: CrmRules

    def shown(self, email: str) -> dict[str, str]:
        """Return what an e-mail to somebody could show: code, campaign and until; empty: nothing."""
        ...

    @property
    def account(self) -> CrmAccount: ...


@dataclass(kw_only=True)
class FakeKlaviyo:
    """Profiles, and the events of each."""

    url: str = ""
    key: str = KLAVIYO_KEY
    whim: Callable[[str, Any], Whim] = lambda _email, _body: Whim()
    calls: list[tuple[str, str]] = field(default_factory=list)
    rules: CrmRules = field(default_factory=lambda: CrmRules(klaviyo=True))
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)  # by address
    events: list[dict[str, Any]] = field(default_factory=list)
    repeats: int = 0

    @property
    def account(self) -> CrmAccount:
        return CrmAccount(key=KLAVIYO_KEY, url=self.url)

    def shown(self, email: str) -> dict[str, str]:
        properties = self.profiles.get(email, {})
        names = {"code": "tillroll_code", "campaign": "tillroll_campaign", "until": "tillroll_code_until"}
        return {name: properties[key] for name, key in names.items() if key in properties}

    def metrics(self, email: str) -> list[str]:
        """Return the names of somebody's events, in the order in which they were recorded."""
        return [event["name"] for event in self.events if event["email"] == email]

    def person_in(self, _path: str, body: Any) -> str:
        profile = body["data"]["attributes"].get("profile") if body else None
        return str(profile["data"]["attributes"]["email"]) if profile else ""

    def refusal(self, status: int, detail: str) -> Any:
        return {
            "errors": [
                {"id": "1", "status": status, "code": "invalid", "title": "Refused.", "detail": detail}
            ]
        }

    def is_allowed(self, headers: Any) -> bool:
        assert re.fullmatch(r"20\d\d-\d\d-15", headers["revision"])
        return bool(headers["Authorization"] == f"Klaviyo-API-Key {self.key}")

    def answer(self, method: str, path: str, body: Any) -> Answer:
        parts = urlsplit(path)
        if (method, parts.path) == ("POST", "/api/events"):
            return self._event(body["data"])
        if (method, parts.path) == ("GET", "/api/profiles"):
            (wanted,) = parse_qs(parts.query)["filter"]
            email = json.loads(wanted.removeprefix("equals(email,").removesuffix(")"))
            return 200, {"data": [{"type": "profile", "id": f"id {email}"}] if email in self.profiles else []}
        assert method == "PATCH", path
        profile_id = unquote(parts.path.removeprefix("/api/profiles/"))
        data = body["data"]
        assert (data["type"], data["id"]) == ("profile", profile_id)
        self._patch(self.profiles[profile_id.removeprefix("id ")], data["meta"]["patch_properties"])
        return 200, {"data": {"type": "profile", "id": profile_id}}

    def _event(self, data: Any) -> Answer:
        assert data["type"] == "event"
        told = data["attributes"]
        assert set(told) <= {"metric", "profile", "properties", "time", "unique_id", "backfill"}
        profile, metric = told["profile"]["data"], told["metric"]["data"]
        assert (profile["type"], metric["type"]) == ("profile", "metric")
        person, name = profile["attributes"], metric["attributes"]["name"]
        known = {(event["email"], event["name"], event["unique_id"]) for event in self.events}
        if (person["email"], name, told["unique_id"]) in known:
            self.repeats += 1
            return 202, None
        properties = self.profiles.setdefault(person["email"], {})
        properties.update(person.get("properties") or {})
        self._patch(properties, (person.get("meta") or {}).get("patch_properties") or {})
        self.events.append(
            {"email": person["email"], "name": name, "unique_id": told["unique_id"], "properties": told["properties"],
             "backfill": told.get("backfill", False), "time": told["time"]}
        )  # fmt: skip
        return 202, None

    def _patch(self, properties: dict[str, Any], patch: Any) -> None:
        assert set(patch) <= {"unset"}
        for name in patch.get("unset", ()):
            properties.pop(name, None)


@dataclass(kw_only=True)
class FakeMailchimp:
    """One audience: its fields, and its members."""

    url: str = ""
    key: str = MAILCHIMP_KEY
    whim: Callable[[str, Any], Whim] = lambda _email, _body: Whim()
    calls: list[tuple[str, str]] = field(default_factory=list)
    rules: CrmRules = field(
        default_factory=lambda: CrmRules(
            mailchimp=MailchimpRules(
                audience=AUDIENCE, code="TILLCODE", until="TILLUNTIL", campaign="TILLCAMP"
            )
        )
    )
    fields: dict[str, str] = field(
        default_factory=lambda: {
            "FNAME": "text",
            "TILLCODE": "text",
            "TILLUNTIL": "date",
            "TILLCAMP": "text",
        }
    )
    members: dict[str, dict[str, str]] = field(default_factory=dict)  # by address in lower case

    @property
    def account(self) -> CrmAccount:
        return CrmAccount(key=MAILCHIMP_KEY, url=self.url)

    def shown(self, email: str) -> dict[str, str]:
        values = self.members.get(email.lower(), {})
        names = {"code": "TILLCODE", "campaign": "TILLCAMP", "until": "TILLUNTIL"}
        return {name: values[tag] for name, tag in names.items() if values.get(tag)}

    def person_in(self, path: str, _body: Any) -> str:
        return self._member_at(path) or ""

    def refusal(self, status: int, detail: str) -> Any:
        return {"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": "Refused", "status": status,
                "detail": detail, "instance": "1"}  # fmt: skip

    def is_allowed(self, headers: Any) -> bool:
        kind, _, login = headers["Authorization"].partition(" ")
        return kind == "Basic" and b64decode(login).decode().partition(":")[2] == self.key

    def answer(self, method: str, path: str, body: Any) -> Answer:
        parts = urlsplit(path)
        if not parts.path.startswith(f"/3.0/lists/{AUDIENCE}/"):
            return 404, self.refusal(404, "The requested resource could not be found.")
        if (method, parts.path) == ("GET", f"/3.0/lists/{AUDIENCE}/merge-fields"):
            return 200, {"merge_fields": [{"tag": tag, "type": kind} for tag, kind in self.fields.items()]}
        assert method == "PATCH", "nobody is ever added"
        assert set(body) == {"merge_fields"}, "nobody's subscription is changed"
        assert parse_qs(parts.query) == {"skip_merge_validation": ["true"]}
        email = self._member_at(path)
        if email is None:
            return 404, self.refusal(404, "The requested resource could not be found.")
        for tag, value in body["merge_fields"].items():
            if self.fields.get(tag) == "date" and value and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                return 400, self.refusal(400, "Please enter a date")
            if tag in self.fields:  # others are ignored
                self.members[email][tag] = value
        return 200, {"merge_fields": self.members[email]}

    def _member_at(self, path: str) -> str | None:
        name = urlsplit(path).path.rpartition("/")[2]
        hashes = {md5(email.encode(), usedforsecurity=False).hexdigest(): email for email in self.members}
        return hashes.get(name)


@contextmanager
def serving(service: FakeKlaviyo | FakeMailchimp) -> Iterator[None]:
    """Let a service answer on this machine."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with lock:
                whim, status, values = self._answer(body)
            if not whim.answers:
                self.close_connection = True
                return
            raw = b"" if values is None else json.dumps(values).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            if whim.wait is not None:
                self.send_header("Retry-After", str(whim.wait))
            self.end_headers()
            self.wfile.write(raw)

        def _answer(self, body: Any) -> tuple[Whim, int, Any]:
            service.calls.append((self.command, self.path))
            if not service.is_allowed(self.headers):
                return Whim(), 401, service.refusal(401, "The key is wrong.")
            whim = service.whim(service.person_in(self.path, body), body)
            status, values = 0, None
            if whim.takes or (not whim.status and whim.answers):
                status, values = service.answer(self.command, self.path, body)
            if whim.status:
                return whim, whim.status, service.refusal(whim.status, whim.detail)
            return whim, status, values

        do_POST = do_PATCH = do_GET = _do

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
