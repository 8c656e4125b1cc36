"""What a mail service tells about one e-mail, and how its request shows that it is the service's."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tillroll.campaign.states import MailEventKind
from tillroll.campaign.text.clean import CleanText, clean_line
from tillroll.campaign.text.masked import mask_text
from tillroll.ecwid.http.answers import Unreadable, parse
from tillroll.errors import NotAllowed, Refused

KEY = "tillroll-key"
"""What services call the key of a message, when they are given it and when they name it."""

TOLERANCE = timedelta(minutes=5)
"""How far the moment of a signature may be from ours, for services that sign each attempt anew."""

REPEATED_FOR = timedelta(hours=26)
"""The same for services that may repeat a request with its first signature."""

_LONGEST, _LONGEST_REASON = 200, 300


@dataclass(frozen=True, kw_only=True)
class MailEvent:
    """What happened to one e-mail."""

    event_key: str  # the service's own, or made from the event: the same at every delivery
    kind: MailEventKind
    message_key: str  # of the message, as it was given to the service
    reason: str  # for people; may be empty
    happened_at: datetime


@dataclass(frozen=True, kw_only=True)
class HookRequest:
    """A request of a mail service."""

    headers: Mapping[str, str]  # by their names in lower case
    body: bytes
    now: datetime
    key: str = field(default="", repr=False)  # what its signature is checked with

    def header(self, name: str) -> str:
        """Return a header; empty if there is none."""
        return self.headers.get(name.lower(), "")


class Hook(Protocol):
    """How one service tells what happened."""

    is_signed: bool  # its requests carry a signature, besides the address that only it knows

    def check(self, request: HookRequest) -> None:
        """Raise `NotAllowed` unless the service signed the request."""
        ...

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        """Return what a request tells, without what isn't about an e-mail of ours."""
        ...


def read_json(content: bytes) -> Any:
    """Return the values of a body. Raises `Refused` if it is no JSON, or has too many values or levels."""
    try:
        return parse(content)
    except Unreadable as fault:
        raise Refused(f"The body can't be read: {fault}.") from fault


def obj(values: Any, *path: str) -> dict[str, Any]:
    """Return the object that a path of names leads to; empty if there is none."""
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def word(values: Any, *path: str) -> CleanText:
    """Return the text or number that a path of names leads to, as one line; empty if there is none."""
    *outer, name = path
    raw = obj(values, *outer).get(name)
    return (
        clean_line(str(raw), longest=_LONGEST_REASON) if isinstance(raw, str | int | float) else CleanText("")
    )


def rows(values: Any) -> list[Any]:
    """Return a list's items; a single object as the only one."""
    return values if isinstance(values, list) else [values]


def moment(raw: Any, now: datetime, *, seconds: float = 1.0) -> datetime:
    """Return the moment that a number (in units of so many seconds since 1970) or an ISO text means; now if it means none."""
    try:
        if isinstance(raw, int | float) or (isinstance(raw, str) and raw.replace(".", "", 1).isdigit()):
            found = datetime.fromtimestamp(float(raw) * seconds, UTC)
        else:
            found = datetime.fromisoformat(str(raw).replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return now
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return min(found.astimezone(UTC), now)


def event(
    kind: MailEventKind | None, *, key: str, message_key: str, reason: str, at: datetime, raw: Any
) -> list[MailEvent]:
    """Return an event as the only one of a list; empty if nothing follows from it. `key` may be empty: the event makes one."""
    if kind is None or not message_key:
        return []
    event_key = key[:_LONGEST] or hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
    return [
        MailEvent(
            event_key=f"{kind} {event_key}",
            kind=kind,
            message_key=message_key,
            reason=mask_text(reason),  # it may hold the address, which the ledger has elsewhere
            happened_at=at,
        )
    ]


def is_hmac(key: bytes, content: bytes, given: str, *, in_base64: bool = False) -> bool:
    """Return whether a text is the HMAC-SHA256 of a content, in constant time."""
    made = hmac.digest(key, content, hashlib.sha256)
    text = base64.b64encode(made).decode() if in_base64 else made.hex()
    return hmac.compare_digest(text.encode(), given.encode("utf-8", "replace"))


def refuse_old(seconds: str, now: datetime, tolerance: timedelta) -> None:
    """Raise `NotAllowed` if the moment of a signature is too far from ours."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        raise NotAllowed("The signature names no moment.")
    if abs(datetime.fromtimestamp(int(seconds), UTC) - now) > tolerance:
        raise NotAllowed("The signature is too old, or in the future.")


def from_base64(text: str, what: str) -> bytes:
    """Return the bytes of a text. Raises `NotAllowed` if it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise NotAllowed(f"{what} can't be read.") from fault
