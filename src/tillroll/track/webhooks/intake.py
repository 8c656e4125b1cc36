"""Taking in the store's webhooks: each delivery is checked, stored once and answered. The worker acts on it later (`act.py`).

The signature covers only `{eventCreated}.{eventId}` (docs.ecwid.com, "How to process webhooks"): it proves that the store made an
event with that id at that moment, but nothing else in the body. So the body is only a hint, and what it names is read again from
the REST API. The same event may be delivered any number of times, in any order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.text.clean import CleanText, Uncleanable, clean_key, clean_line
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.queries.stores import find_store
from tillroll.ledger.tables import events, stores
from tillroll.track.webhooks.body import read_json_object

HORIZON = timedelta(hours=26)
"""The store repeats a delivery for up to 24 hours; anything older is a replay."""

_AHEAD = timedelta(minutes=10)  # how far the store's clock may be ahead of ours
_LONGEST = 200  # characters of any text in an event
_MOST_DATA = 50  # the store's events have one or two


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery:
    """One delivery. Only `event_id` and `happened_at` are covered by its signature."""

    event_id: str
    ecwid_id: int
    kind: str  # like order.updated; always in camelCase, whichever spelling the store used
    entity: str  # the id of what it is about
    data: dict[str, str]  # ids, by their names
    happened_at: datetime


def read_event(content: bytes, *, signature: str, client_secret: str, now: datetime) -> WebhookDelivery:
    """Return the event in a request's body.

    Raises `Refused` when it is no event or too old, and `NotAllowed` when this app's client secret didn't sign it.
    """
    raw = read_json_object(content)
    created, event_id, ecwid_id = raw.get("eventCreated"), raw.get("eventId"), raw.get("storeId")
    if type(created) is not int or not 0 < created < 10**11 or type(ecwid_id) is not int:
        raise Refused("The event has no valid time or store.")
    if not 0 < ecwid_id < 2**53:
        raise Refused("The event has no valid time or store.")
    if not isinstance(event_id, str) or not event_id:
        raise Refused("The event has no valid id.")
    event_id = clean_key(event_id, "The event's id", longest=_LONGEST)
    expected = sign(client_secret, created, event_id)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise NotAllowed("The signature is not this app's.")
    happened_at = datetime.fromtimestamp(created, UTC)
    if not now - HORIZON <= happened_at <= now + _AHEAD:
        raise Refused("The event is too old or in the future.")
    data, kind = raw.get("data"), _camel(clean_line(_plain(raw.get("eventType")), longest=_LONGEST))
    if kind.startswith("custom."):  # custom events are trusted, so they need their own secret (`custom.py`)
        raise Refused("The store has no events of this kind.")
    return WebhookDelivery(
        event_id=event_id,
        ecwid_id=ecwid_id,
        kind=kind,
        entity=_hint(raw.get("entityId")),
        data=_data(data),
        happened_at=happened_at,
    )


def sign(client_secret: str, created: int, event_id: str) -> str:
    """Return the signature of an event: base64(HMAC-SHA256(client secret, "{eventCreated}.{eventId}"))."""
    digest = hmac.digest(client_secret.encode(), f"{created}.{event_id}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode("ascii")


def store_event(engine: Engine, event: WebhookDelivery, *, now: datetime) -> bool:
    """Store an event. Returns whether it is new. A repeat, or an event of a store that isn't connected, changes nothing."""
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


def _plain(raw: Any) -> str:
    return str(raw) if isinstance(raw, str | int | float) else ""


def _hint(raw: Any) -> CleanText:
    """Return an id to the letter; empty if it can't be one: then whatever changed is read."""
    try:
        return clean_key(_plain(raw), "The id", longest=_LONGEST)
    except Uncleanable:
        return CleanText("")


def _data(raw: Any) -> dict[str, str]:
    items = list(raw.items())[:_MOST_DATA] if isinstance(raw, dict) else []
    return {clean_line(name, longest=_LONGEST): _hint(value) for name, value in items}


def _camel(kind: str) -> str:
    """Return a kind in camelCase: `profile.subscriptionStatusChanged`. The part before the dot stays as it is."""
    area, dot, change = kind.partition(".")
    first, *others = change.split("_")
    return f"{area}{dot}{first}{''.join(word.capitalize() for word in others)}"
