"""Custom events, posted by other software: signed with the store's event secret, checked, and stored once.

The scheme is the one payment services use: `X-Tillroll-Signature: t=<UNIX seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of
`{t}.{body}`. Unlike the signature of the store's webhooks it covers the whole body, so the body is trusted. The same event may be
posted any number of times.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from sqlalchemy.engine import Engine

from tillroll.campaign.digest import sign
from tillroll.campaign.text.block import NAME_PATTERN
from tillroll.campaign.text.clean import (
    CleanText,
    Uncleanable,
    clean_address,
    clean_key,
    clean_line,
    clean_lines,
)
from tillroll.errors import NotAllowed, NotFound, Refused
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.queries.stores import find_store
from tillroll.ledger.tables import events
from tillroll.track.webhooks.body import read_json_object

MOST_BYTES = 16 * 1024
TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may be from ours, so that an old delivery can't be replayed."""

CUSTOM = "custom."
"""The prefix of these events' kinds; webhooks of the store with this prefix are refused (`intake.py`)."""

_OLDEST = timedelta(days=30)  # events are kept this long
_DEEPEST, _MOST_VALUES, _LONGEST = 5, 200, 2_000  # of `data`: levels, values, characters of a text
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_PART = re.compile(r"(t|v1)=([0-9a-f]{1,64})")

_LONGEST_KEY = 200


def _key(raw: Any) -> CleanText:
    """Return the sender's id to the letter. Raises `ValueError`, as pydantic wants it."""
    if not isinstance(raw, str) or not 0 < len(raw) <= _LONGEST_KEY:
        raise ValueError(f"it must be a text of 1 to {_LONGEST_KEY} characters")
    try:
        return clean_key(raw, "it")
    except Uncleanable as fault:
        raise ValueError(f"it {fault.reason}") from None


def _address(raw: Any) -> CleanText | None:
    """Return the customer's address to the letter. Raises `ValueError`, as pydantic wants it."""
    if raw is None:
        return None
    try:
        return clean_address(raw if isinstance(raw, str) else "")
    except Uncleanable as fault:
        raise ValueError(f"it {fault.reason}") from None


class EventBody(BaseModel):
    """The JSON body of a custom event."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, BeforeValidator(_key)] = Field(
        description="Chosen by the sender; the same for the same event."
    )
    email: Annotated[str | None, BeforeValidator(_address)] = None
    customer_id: int | None = Field(default=None, ge=1, lt=2**63)
    at: AwareDatetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_one_customer(self) -> Self:
        if (self.email is None) == (self.customer_id is None):
            raise ValueError("give either email or customer_id, to say which customer it is about")
        return self


@dataclass(frozen=True, kw_only=True)
class CustomEvent:
    """One event whose signature and body were checked."""

    name: str
    body: EventBody
    happened_at: datetime


def secret_of(key: str, ecwid_id: int) -> str:
    """Return the secret that a store's events are signed with. It is derived from a key of the installation, not stored."""
    derived = hmac.digest(key.encode(), f"tillroll events of store {ecwid_id}".encode(), hashlib.sha256)
    return f"trwh_{derived.hex()}"


def read_custom(
    content: bytes, *, name: str, signature: str, secrets: Sequence[str], now: datetime
) -> CustomEvent:
    """Return the event in a request's body.

    Raises `NotAllowed` unless one of the secrets signed it within the last minutes, and `Refused` when it is no valid event.
    """
    _check_signature(content, signature, secrets, now)
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            f"{name[:70]!r} is not a valid event name.", hint="Use lower-case letters, digits and hyphens."
        )
    raw = read_json_object(content)
    try:
        body = EventBody.model_validate(raw)
    except ValidationError as faults:
        raise Refused(f"The body is not valid: {_summary(faults)}.") from faults
    _check_data(body.data)
    body = body.model_copy(update={"data": _cleaned(body.data)})
    happened_at = (body.at or now).astimezone(UTC)
    if not now - _OLDEST <= happened_at <= now + TOLERANCE:
        raise Refused("at is more than 30 days ago or in the future.")
    return CustomEvent(name=name, body=body, happened_at=happened_at)


def store_custom_event(engine: Engine, event: CustomEvent, *, ecwid_id: int, now: datetime) -> bool:
    """Store an event. Returns whether it is new. Raises `NotFound` when no such store is connected."""
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
            "handled_at": now,  # there is nothing to read from the store; campaigns look for it themselves
            "outcome": "kept",
        }
        return insert_if_new(connection, events, row)


def _check_signature(content: bytes, signature: str, secrets: Sequence[str], now: datetime) -> None:
    matches = [_PART.fullmatch(part.strip()) for part in signature[:500].split(",")]
    parts = [match.groups() for match in matches if match]
    moments = [value for name, value in parts if name == "t" and value.isdecimal() and len(value) < 12]
    given = [value for name, value in parts if name == "v1"]
    if len(moments) != 1 or not given:
        raise NotAllowed(
            "The signature is missing. Send the header X-Tillroll-Signature: t=<UNIX seconds>,v1=<hex>."
        )
    moment = int(moments[0])
    expected = [sign(secret, moment, content).partition("v1=")[2] for secret in secrets]
    equal = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    if not any(equal):
        raise NotAllowed(
            "The signature was not made with this store's event secret.",
            hint="To see the secret: tillroll store event-secret",
        )
    if abs(now.timestamp() - moment) > TOLERANCE.total_seconds():
        raise NotAllowed("The signature is more than 5 minutes old, or the sender's clock is wrong.")


def _check_data(data: dict[str, Any]) -> None:
    """Check the size and depth of the data, and that a database can hold it. Raises `Refused`."""
    waiting: list[tuple[Any, int]] = [(data, 1)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _DEEPEST:
            raise Refused(f"data is nested more than {_DEEPEST} levels deep.")
        if isinstance(value, dict):
            waiting += [(key, depth) for key in value]
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str):
            if len(value) > _LONGEST or _UNSTORABLE.search(value):
                raise Refused(
                    f"data contains a text of more than {_LONGEST} characters, or one that is not valid Unicode."
                )
        elif isinstance(value, int | float) and not abs(value) < 10**15:
            raise Refused("data contains a number of 10^15 or more.")
        if seen > _MOST_VALUES:
            raise Refused(f"data contains more than {_MOST_VALUES} values.")


def _cleaned(value: Any) -> Any:
    """Return checked data with its texts as people read them: they are shown in e-mails and on pages."""
    if isinstance(value, dict):
        return {clean_line(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return clean_lines(value, longest=_LONGEST) if isinstance(value, str) else value


def _summary(faults: ValidationError) -> str:
    """Describe the first faults briefly, without the posted values."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults.errors(include_url=False, include_input=False)[:5]
    )
