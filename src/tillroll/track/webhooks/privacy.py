"""Requests of people about their own data, which the store passes on by a webhook: kept as work, with a deadline.

The store sends `customer.personalDataRemovalRequest` and `…ExportRequest` about a customer, and `profile.…` about the store's
owner. Which customer is a hint, as in every event: whoever does the work looks at the store first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.engine import Engine

from tillroll.ledger.engine import insert_if_new, writing
from tillroll.ledger.records import StoredEvent
from tillroll.ledger.tables import privacy_requests
from tillroll.track.webhooks.kinds import PRIVACY

_TIME_ALLOWED = timedelta(days=28)  # the shortest month: the GDPR's article 12 allows one
_EMAIL = "customerEmail"


def note_requests(engine: Engine, asked: Sequence[StoredEvent], *, now: datetime) -> None:
    """Keep what these events ask for. Safe to repeat: an event is one request."""
    with writing(engine) as connection:
        for event in asked:
            kind, subject = PRIVACY[event.kind]
            row = {
                "store_id": event.store_id,
                "event_id": event.event_id,
                "kind": kind,
                "subject": subject,
                "entity": event.entity,
                "email": str(event.data.get(_EMAIL, "")),
                "asked_at": event.happened_at,
                "due_at": event.happened_at + _TIME_ALLOWED,
                "noted_at": now,
            }
            insert_if_new(connection, privacy_requests, row)
