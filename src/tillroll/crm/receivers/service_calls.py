"""What services that send e-mails have in common: an account, a call for each event, some at once, and what an answer means.

A batch holds one event of each customer, so its calls may be made in any order. After one that shows
trouble nothing more is tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.text.clean import clean_line
from tillroll.crm.receivers.account import CrmAccount
from tillroll.crm.receivers.answers import EventOutcome, EventVerdict, ReceiverAnswer
from tillroll.crm.receivers.receiver import ComposedEvent
from tillroll.ecwid.http.answers import Unreadable, parse, unpack
from tillroll.ecwid.http.headers import wait_asked
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.session import CallFailed, HttpAnswer, HttpSession
from tillroll.errors import Misconfigured

Json = dict[str, Any]

AT_ONCE = 4
"""Calls at the same time: a session keeps as many connections, and Mailchimp allows ten for an account."""
MOST = 40
"""Events in a batch: a slice can end after each."""

_SECONDS = 10.0  # for an answer
_LONGEST_REASON = 300
_ABOUT_CONTENT = frozenset({400, 409, 413, 422})
_ABOUT_KEY = frozenset({401, 403})
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one call."""

    status: int  # of HTTP; 0: there was no answer
    said: str = ""  # for people
    values: Any = None  # of the answer's JSON
    wait: timedelta | None = None  # the service asks to wait so long
    verdict: EventVerdict | None = None  # None: the service is in trouble, and nothing is known of the event

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


TAKEN = EventVerdict(outcome=EventOutcome.TAKEN)


def refused(reason: str, *, for_good: bool = False) -> EventVerdict:
    """Return the verdict on an event that the service doesn't take."""
    return EventVerdict(outcome=EventOutcome.REFUSED, reason=reason, for_good=for_good)


class ServiceCalls:
    """Calls to one service with one key. Safe to share between threads."""

    def __init__(self, service: str, session: HttpSession, *, kind: str, about_key: str) -> None:
        """`kind` is the type of bodies; `about_key` says what to do when the key is refused."""
        self._service, self._session, self._kind, self._about_key = service, session, kind, about_key

    def close(self) -> None:
        self._session.close()

    def call(
        self, method: str, path: str, now: datetime, *, body: Any = None, secrets: Sequence[str] = ()
    ) -> Told:
        """Make a call and return what its status means by itself. Never raises. `secrets` are left out of what was said."""
        raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            answer = self._session.call(
                method, path, seconds=_SECONDS, body=raw, kind=self._kind if raw is not None else ""
            )
        except CallFailed as fault:
            return Told(status=0, said=f"no answer: {clean_line(str(fault), longest=_LONGEST_REASON)}")
        except Misconfigured as fault:
            return Told(status=0, said=fault.message)
        return self._read(answer, now, secrets)

    def _read(self, answer: HttpAnswer, now: datetime, secrets: Sequence[str]) -> Told:
        values = _values_of(answer)
        text = _problem_in(values) or answer.reason
        for secret in filter(None, secrets):
            text = text.replace(secret, "…")
        said = f"answered {answer.status} {clean_line(text, longest=_LONGEST_REASON)}".strip()
        asked = answer.headers.get("Retry-After")
        wait = timedelta(seconds=wait_asked(answer.headers, now)) if asked else None
        if 200 <= answer.status < 300:
            return Told(status=answer.status, values=values, verdict=TAKEN)
        if answer.status in _ABOUT_CONTENT:
            return Told(status=answer.status, said=said, verdict=refused(said))
        if answer.status in _ABOUT_KEY:
            said = f"{said}. {self._about_key}"
        if answer.status == 410:
            said = f"{said}. {self._service} has retired this way of calling it: update Tillroll"
        return Told(status=answer.status, said=said, wait=wait)


def tell_each(
    events: Sequence[ComposedEvent],
    tell: Callable[[ComposedEvent, str, Json], Told],
    forget: Callable[[str], Told],
) -> ReceiverAnswer:
    """Make a call for each event, some at once, until all are told or the service is in trouble.

    `tell` gets an event, the address of its customer, and its JSON; `forget` an address of somebody who was erased here.
    """

    def tell_one(event: ComposedEvent) -> Told:
        told = json.loads(event.body)
        if told["type"] == "customer.erased":
            return _forget_each(told["data"]["emails"], forget)
        email = (told["customer"] or {}).get("email")
        if not email:
            return Told(status=200, verdict=refused("the customer has no e-mail address", for_good=True))
        return tell(event, email, told)

    verdicts: dict[str, EventVerdict] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for some in batched(events, AT_ONCE):
            trouble: Told | None = None
            for event, told in zip(some, pool.map(tell_one, some), strict=True):
                if told.verdict is not None:
                    verdicts[event.key] = told.verdict
                else:
                    trouble = trouble or told
            if trouble is not None:
                status = 0 if trouble.is_good else trouble.status
                return ReceiverAnswer(status=status, said=trouble.said, wait=trouble.wait, verdicts=verdicts)
    return ReceiverAnswer(status=200, verdicts=verdicts)


def _forget_each(emails: Sequence[str], forget: Callable[[str], Told]) -> Told:
    """Forget addresses until one fails."""
    told = Told(status=200, verdict=TAKEN)
    for email in emails:
        told = forget(email)
        if told.verdict != TAKEN:
            break
    return told


def open_session(
    service: str, own: str, account: CrmAccount, headers: Mapping[str, str], *, here_only: bool
) -> HttpSession:
    """Return a session with a service at its own address, or the one that the environment names.

    `here_only`: a sandbox's customers are made up, so they go to this machine alone. Raises `Misconfigured`.
    """
    address = account.url or own
    if here_only and (urlsplit(address).hostname or "") not in _THIS_MACHINE:
        raise Misconfigured(
            f"A sandbox store's customers are made up, so they don't go to {service}.",
            hint=f"To try it, set {service.upper()}_URL to a server on this machine.",
        )
    hosts = AllowedHosts.of([address]) if account.url else AllowedHosts()
    return HttpSession(address, hosts=hosts, headers=headers)


def _values_of(answer: HttpAnswer) -> Any:
    """Return the JSON of an answer; None if it has none."""
    try:
        plain = unpack(answer.body, answer.headers.get("Content-Encoding", ""))
        return parse(plain) if plain.strip() else None
    except Unreadable:
        return None


def _problem_in(values: Any) -> str:
    """Return what a service says is wrong: in `errors` (JSON:API), or as a title and a detail (RFC 7807)."""
    if not isinstance(values, dict):
        return ""
    errors = values.get("errors")
    each = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    parts = [str(one.get("detail") or one.get("message") or one.get("title") or "") for one in each]
    return " ".join(filter(None, (str(values.get("title") or ""), str(values.get("detail") or ""), *parts)))
