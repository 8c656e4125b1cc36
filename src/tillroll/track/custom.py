"""Events of somebody else's software: signed with the store's own secret, checked, written down once.

The scheme is the one payment services use: `X-Tillroll-Signature: t=<UNIX seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of
`{t}.{body}`. Unlike the store's webhooks the whole body is covered, so it is believed. The same id may come any number of times.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from sqlalchemy.engine import Engine

from tillroll.campaign.text.words import NAME_PATTERN
from tillroll.errors import NotAllowed, NotFound, Refused
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.tables import events
from tillroll.track.connect import find_store

MOST_BYTES = 16 * 1024
TOLERANCE = timedelta(minutes=5)
"""How far a signature's moment may be from ours: an old delivery can't be played back."""

CUSTOM = "custom."
"""What the kinds of these events begin with; the store's own webhooks can't have it (`intake.py`)."""

_OLDEST = timedelta(days=30)  # events are remembered for so long
_DEEPEST, _MOST_VALUES, _LONGEST = 5, 200, 2_000
_PART = re.compile(r"(t|v1)=([0-9a-f]{1,64})")

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Body(BaseModel):
    """What is posted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Text = Field(description="Of the sender's making; the same for the same event.")
    email: Text | None = None
    customer_id: int | None = Field(default=None, ge=1, lt=2**63)
    at: AwareDatetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _about_somebody(self) -> Self:
        if (self.email is None) == (self.customer_id is None):
            raise ValueError("give either email or customer_id: whom it is about")
        if self.email is not None and "@" not in self.email:
            raise ValueError("email is no e-mail address")
        return self


@dataclass(frozen=True, kw_only=True)
class CustomEvent:
    """One event, checked."""

    name: str
    body: Body
    happened_at: datetime


def secret_of(key: str, ecwid_id: int) -> str:
    """The secret that a store's events are signed with, drawn from a key of the installation: nothing to keep besides it."""
    drawn = hmac.digest(key.encode(), f"tillroll events of store {ecwid_id}".encode(), hashlib.sha256)
    return f"trwh_{drawn.hex()}"


def sign(secret: str, moment: int, content: bytes) -> str:
    """The header of a body posted at a moment (UNIX seconds)."""
    drawn = hmac.digest(secret.encode(), b"%d.%b" % (moment, content), hashlib.sha256)
    return f"t={moment},v1={drawn.hex()}"


def read_custom(
    content: bytes, *, name: str, signature: str, secrets: Sequence[str], now: datetime
) -> CustomEvent:
    """The event of a request's body. `NotAllowed` when no secret signed it just now, `Refused` when it is none."""
    _check_signature(content, signature, secrets, now)
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(f"{name[:70]!r} is no event's name.", hint="Small letters, digits and hyphens.")
    try:
        raw = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as fault:
        raise Refused("The body is not JSON.") from fault
    try:
        body = Body.model_validate(raw)
    except ValidationError as faults:
        raise Refused(f"The body has faults: {_said(faults)}.") from faults
    _check_data(body.data)
    happened_at = (body.at or now).astimezone(UTC)
    if not now - _OLDEST <= happened_at <= now + TOLERANCE:
        raise Refused("at is more than 30 days ago, or yet to come.")
    return CustomEvent(name=name, body=body, happened_at=happened_at)


def take_in_custom(engine: Engine, event: CustomEvent, *, ecwid_id: int, now: datetime) -> bool:
    """Write an event down; whether it is new. `NotFound` when no such store is connected."""
    kind, body = f"{CUSTOM}{event.name}", event.body
    with writing(engine) as connection:
        store = find_store(connection, ecwid_id)
        if store is None:
            raise NotFound(f"Store {ecwid_id} isn't connected here.")
        row = {
            "store_id": store.id,
            "event_id": f"{kind} {body.id}",
            "kind": kind,
            "entity": body.id,
            "data": {"email": body.email, "customer_id": body.customer_id, "data": body.data},
            "happened_at": event.happened_at,
            "received_at": now,
            "handled_at": now,  # there is nothing to read again: campaigns notice it
            "outcome": "kept",
        }
        return insert_if_new(connection, events, row)


def _check_signature(content: bytes, signature: str, secrets: Sequence[str], now: datetime) -> None:
    parts = [found.groups() for one in signature[:500].split(",") if (found := _PART.fullmatch(one.strip()))]
    moments = [value for name, value in parts if name == "t" and value.isdecimal() and len(value) < 12]
    given = [value for name, value in parts if name == "v1"]
    if len(moments) != 1 or not given:
        raise NotAllowed("There is no signature: X-Tillroll-Signature: t=<UNIX seconds>,v1=<hex>.")
    moment = int(moments[0])
    expected = [sign(secret, moment, content).partition("v1=")[2] for secret in secrets]
    fits = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    if not any(fits):
        raise NotAllowed(
            "The signature is not this store's.", hint="Show the secret: tillroll store event-secret"
        )
    if abs(now.timestamp() - moment) > TOLERANCE.total_seconds():
        raise NotAllowed("The signature is more than 5 minutes old, or of a clock that goes wrong.")


def _check_data(data: dict[str, Any]) -> None:
    """Bounds on what messages may be told: size, depth, and nothing that a database can't hold."""
    waiting: list[tuple[Any, int]] = [(data, 1)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _DEEPEST:
            raise Refused(f"data is nested more than {_DEEPEST} deep.")
        if isinstance(value, dict):
            waiting += [(one, depth) for one in value]
            waiting += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]
        elif isinstance(value, str):
            if len(value) > _LONGEST or "\x00" in value or not _is_text(value):
                raise Refused(
                    f"data holds a text of more than {_LONGEST} characters, or one that is no text."
                )
        elif isinstance(value, int | float) and not abs(value) < 10**15:
            raise Refused("data holds a number beyond all measure.")
        if seen > _MOST_VALUES:
            raise Refused(f"data holds more than {_MOST_VALUES} values.")


def _is_text(value: str) -> bool:
    """Half of a pair of surrogates is valid JSON and no text."""
    return not any("\ud800" <= sign <= "\udfff" for sign in value)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _said(faults: ValidationError) -> str:
    """Each fault in a few words, without the values."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg'].removeprefix('Value error, ')}"
        for one in faults.errors(include_url=False, include_input=False)[:5]
    )
