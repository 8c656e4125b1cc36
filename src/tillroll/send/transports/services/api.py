"""What a mail service's module brings (`MailApi`), and what answers mean that all services give alike. Pure.

Only an answer about the recipient fails the recipient. A wrong key, a used-up quota and a service in trouble hold the transport.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from tillroll.campaign.language.models import Via
from tillroll.campaign.text.clean import clean_line
from tillroll.ecwid.http.answers import Unreadable, parse, unpack
from tillroll.ecwid.http.headers import wait_asked
from tillroll.ecwid.http.session import HttpAnswer
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.services.letter import Letter
from tillroll.send.trouble import Trouble

JSON = "application/json"
_LONGEST_REASON = 300
_ABOUT_LIMITS = re.compile(r"\blimit|\bquota|\bcredits?\b|exceed|too many|throttl", re.IGNORECASE)
_MAYBE_DONE = frozenset({502, 504, 520, 522, 524})  # a gateway heard nothing from what is behind it


class KeyMemory(StrEnum):
    """Whether a service knows a request again that it has had."""

    NEVER = "never"
    A_WHILE = "a while"  # by a key, for minutes or hours: the same request may be repeated at once
    ALWAYS = "always"  # by the message's key, for good


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """What is posted to a service."""

    path: str
    body: bytes = field(repr=False)
    kind: str = JSON  # of the body
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class ApiAnswer:
    """What a service answered."""

    status: int
    values: Any  # of its JSON; None if it has none
    headers: Mapping[str, str]
    at: datetime
    is_repeat: bool = False  # the same request was made before, and its answer was lost

    @classmethod
    def of(cls, answer: HttpAnswer, *, at: datetime, is_repeat: bool) -> ApiAnswer:
        try:
            plain = unpack(answer.body, answer.headers.get("Content-Encoding", ""))
            values = parse(plain) if plain.strip() else None
        except Unreadable:
            values = None
        return cls(status=answer.status, values=values, headers=answer.headers, at=at, is_repeat=is_repeat)

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def text(self, name: str) -> str:
        """Return a text of the answer's object; empty if there is none."""
        value = self.values.get(name) if isinstance(self.values, dict) else None
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What became of one e-mail of a request."""

    outcome: DeliveryOutcome
    trouble: Trouble | None = None
    reason: str = ""  # for people
    status: str = ""  # two of the same status say the same
    wait: timedelta | None = None  # the service asks to wait so long

    def saying(self, status: str, text: str) -> Answered:
        """Return it with what the service said."""
        return replace(self, status=status, reason=clean_line(f"{status} {text}", longest=_LONGEST_REASON))


SENT = Answered(outcome=DeliveryOutcome.SENT)
FAILED = Answered(outcome=DeliveryOutcome.FAILED)
UNSURE = Answered(outcome=DeliveryOutcome.UNKNOWN, trouble=Trouble.UNREACHABLE)


def untried(trouble: Trouble) -> Answered:
    """Return what holds the transport: the e-mail did not leave, and that is nobody's fault."""
    return Answered(outcome=DeliveryOutcome.UNTRIED, trouble=trouble)


def doubtful(trouble: Trouble = Trouble.POLICY) -> Answered:
    """Return a refusal that may be about something else than the recipient."""
    return Answered(outcome=DeliveryOutcome.DOUBTFUL, trouble=trouble)


class MailApi(Protocol):
    """One service: what it is asked, and what its answers mean."""

    via: Via
    most: int  # e-mails that one request may hold
    repeats: KeyMemory

    def request(self, letters: Sequence[Letter], now: datetime) -> ApiRequest:
        """Return the request that sends these e-mails. The same e-mails make the same request, apart from its signature."""
        ...

    def judge(self, answer: ApiAnswer, letters: Sequence[Letter]) -> Sequence[Answered]:
        """Return what became of each e-mail of a request, in their order; one result for all if the request was refused whole."""
        ...


def judge_taken(answer: ApiAnswer, proof: str) -> Answered:
    """Return what a good answer means: it names the e-mail, or it comes from something else on the way."""
    if proof:
        return SENT
    return UNSURE.saying(f"{answer.status}", "the answer doesn't name the e-mail")


def judge_refusal(
    answer: ApiAnswer, said: str, *, reader: re.Pattern[str], sender: re.Pattern[str]
) -> Answered:
    """Return what a refusal means: a 400 by its words about the recipient or the sender, any other by its status."""
    if answer.status == 400 and reader.search(said):
        return FAILED.saying(f"{answer.status}", said)
    if answer.status == 400 and sender.search(said):
        return untried(Trouble.SENDER).saying(f"{answer.status}", said)
    return judge_status(answer, said)


def judge_status(answer: ApiAnswer, said: str) -> Answered:
    """Return what a status means by itself, with what the service said."""
    status = f"{answer.status}"
    if answer.is_good:
        return SENT
    if answer.status in {401, 403, 407}:
        trouble = Trouble.LIMIT if _ABOUT_LIMITS.search(said) else Trouble.LOGIN
        return untried(trouble).saying(status, said)
    if answer.status in {402, 429}:
        return replace(untried(Trouble.LIMIT), wait=_wait(answer)).saying(status, said)
    if answer.status in {301, 302, 303, 307, 308, 404, 405, 410}:
        return untried(Trouble.ADDRESS).saying(status, said)
    if answer.status == 413:
        return doubtful(Trouble.SIZE).saying(status, said)
    if answer.status in _MAYBE_DONE:
        return UNSURE.saying(status, said)
    if answer.status >= 500 or answer.status in {408, 425}:
        later = Answered(outcome=DeliveryOutcome.LATER, trouble=Trouble.UNREACHABLE, wait=_wait(answer))
        return later.saying(status, said)
    return doubtful(Trouble.LIMIT if _ABOUT_LIMITS.search(said) else Trouble.POLICY).saying(status, said)


def _wait(answer: ApiAnswer) -> timedelta | None:
    """Return how long the service asks to wait; None if it doesn't say."""
    if not answer.headers.get("Retry-After"):
        return None
    return timedelta(seconds=wait_asked(answer.headers, answer.at))
