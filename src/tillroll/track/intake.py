"""Taking in what the store's webhooks say: checked, written down once, answered; the loop looks at it afterwards.

The signature covers only `{eventCreated}.{eventId}` (docs.ecwid.com, "How to process webhooks"): it shows that the store
made an event of that id at that moment, not what the body says of it. So the body is a hint, and what it names is read again
by REST (`events.py`). The same event may come any number of times, in any order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.tables import events, stores
from tillroll.track.connect import find_store

HORIZON = timedelta(hours=26)
"""The store repeats a delivery for up to 24 hours; anything older is somebody playing an old one back."""

_AHEAD = timedelta(minutes=10)  # how far the store's clock may be before ours
_LONGEST = 200  # characters of any text in an event


@dataclass(frozen=True, kw_only=True)
class Event:
    """One delivery, as far as it can be believed."""

    event_id: str
    ecwid_id: int
    kind: str  # like order.updated; the camelCase spelling, whichever the store used
    entity: str
    data: dict[str, str]
    happened_at: datetime


def read_event(content: bytes, *, signature: str, client_secret: str, now: datetime) -> Event:
    """The event of a request's body. `Refused` when it is no event or too old, `NotAllowed` when it isn't signed by us."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise Refused("The body is not JSON.") from fault
    if not isinstance(raw, dict):
        raise Refused("The body is not an event.")
    created, event_id, ecwid_id = raw.get("eventCreated"), raw.get("eventId"), raw.get("storeId")
    if type(created) is not int or not 0 < created < 10**11 or type(ecwid_id) is not int:
        raise Refused("The event lacks its moment or its store.")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= _LONGEST:
        raise Refused("The event lacks its id.")
    expected = sign(client_secret, created, event_id)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise NotAllowed("The signature is not this app's.")
    happened_at = datetime.fromtimestamp(created, UTC)
    if not now - HORIZON <= happened_at <= now + _AHEAD:
        raise Refused("The event is too old, or not of this time.")
    data, kind = raw.get("data"), _camel(_short(raw.get("eventType")))
    if kind.startswith("custom."):  # those are signed with another secret (`custom.py`), and believed
        raise Refused("The store has no events of this kind.")
    return Event(
        event_id=event_id,
        ecwid_id=ecwid_id,
        kind=kind,
        entity=_short(raw.get("entityId")),
        data={_short(name): _short(value) for name, value in data.items()} if isinstance(data, dict) else {},
        happened_at=happened_at,
    )


def sign(client_secret: str, created: int, event_id: str) -> str:
    """The signature of an event: base64(HMAC-SHA256(client secret, "{eventCreated}.{eventId}"))."""
    drawn = hmac.digest(client_secret.encode(), f"{created}.{event_id}".encode(), hashlib.sha256)
    return base64.b64encode(drawn).decode("ascii")


def take_in(engine: Engine, event: Event, *, now: datetime) -> bool:
    """Write an event down; whether it is new. A repeat, and one of a store that isn't connected, changes nothing."""
    with writing(engine) as connection:
        store = find_store(connection, event.ecwid_id)
        if store is None:
            return False
        row = {
            "store_id": store.id,
            "event_id": event.event_id,
            "kind": event.kind,
            "entity": event.entity,
            "data": event.data,
            "happened_at": event.happened_at,
            "received_at": now,
        }
        new = insert_if_new(connection, events, row)
        if new:
            connection.execute(sa.update(stores).where(stores.c.id == store.id).values(webhook_at=now))
        return new


def _short(raw: Any) -> str:
    return "" if raw is None else str(raw)[:_LONGEST].replace("\x00", "")


def _camel(kind: str) -> str:
    """`profile.subscription_status_changed` is `profile.subscriptionStatusChanged`; the part before the dot stays."""
    area, dot, what = kind.partition(".")
    first, *others = what.split("_")
    return f"{area}{dot}{first}{''.join(word.capitalize() for word in others)}"
