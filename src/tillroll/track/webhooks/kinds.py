"""The kinds of events that the store has, and what becomes of each. Dossier section 5.4."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import PrivacyKind, PrivacySubject
from tillroll.ledger.tables import events
from tillroll.track.mirror.areas import CARTS, CATEGORIES, CUSTOMERS, ORDERS, PRODUCTS, Area
from tillroll.track.webhooks.custom import CUSTOM

AREA_OF: Mapping[str, Area] = MappingProxyType(
    {
        "order": ORDERS,
        "unfinished_order": CARTS,
        "product": PRODUCTS,
        "category": CATEGORIES,
        "customer": CUSTOMERS,
    }
)
"""What an event names is read again from its area."""

REREAD = frozenset({"profile", "application", "promotion"})
"""After these the profile is read again, and with it the promotions. An uninstall is not trusted: this call tells."""

NOT_READ = frozenset(
    {
        "discount_coupon",  # nearly all are our own; the ledger knows those, and the hourly look finds the others
        "product_class",
        "customer_group",
        "review",  # read every few minutes
        "invoice",
    }
)
"""What happened is known by the event, or found by the next look at what changed."""

OUR_OWN = frozenset({"application.storageChanged", "application.storage_changed"})
"""We keep the fence's record there."""

PRIVACY: Mapping[str, tuple[PrivacyKind, PrivacySubject]] = MappingProxyType(
    {
        f"{subject.value}.personalData{word}Request": (kind, subject)
        for subject in PrivacySubject
        for kind, word in ((PrivacyKind.REMOVAL, "Removal"), (PrivacyKind.EXPORT, "Export"))
    }
)
"""Requests of people about their own data. They are work for a person, with a deadline."""


def area_name(kind: str) -> str:
    """Return the part of an event's kind that says what it is about; the whole kind for what is kept as work."""
    return kind if kind in PRIVACY else kind.partition(".")[0]


def is_known(name: str) -> bool:
    """Whether the store documents events with this `area_name`. Others are counted and change nothing."""
    return name in AREA_OF or name in REREAD or name in NOT_READ or name in PRIVACY


def count_unknown(connection: Connection, store_id: int) -> dict[str, int]:
    """Count the stored webhooks of each kind that nothing here knows. They are stored for 30 days."""
    query = sa.select(events.c.kind, sa.func.count()).where(events.c.store_id == store_id)
    counts = [(kind, count) for kind, count in connection.execute(query.group_by(events.c.kind))]
    return {
        kind: count for kind, count in counts if not kind.startswith(CUSTOM) and not is_known(area_name(kind))
    }
