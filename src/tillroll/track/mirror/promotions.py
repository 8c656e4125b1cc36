"""The store's promotions: discounts that it gives without a code. A store has a hundred at most, so all are read each time."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa
import structlog

from tillroll.errors import ScopeMissing
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import promotions
from tillroll.track.mirror.session import MirrorSession

PROMOTIONS = "promotions"
log = structlog.get_logger(__name__)


def sync_promotions(session: MirrorSession, lacking: set[str]) -> None:
    """Read all promotions. A token without the scope, or a store without the feature, has none; it is asked once."""
    if PROMOTIONS in lacking:
        return
    try:
        found = list(session.client.shop.promotions())
    except ScopeMissing as missing:
        lacking.add(PROMOTIONS)
        found = []
        store = session.client.connection.store_id
        log.warning("area.unread", store=store, area=PROMOTIONS, reason=missing.message)
    rows = [
        {**asdict(promotion), "store_id": session.store_id, "seen_at": session.now}
        for promotion in {each.promotion_id: each for each in found}.values()
    ]
    with writing(session.engine) as connection:
        connection.execute(sa.delete(promotions).where(promotions.c.store_id == session.store_id))
        if rows:
            connection.execute(sa.insert(promotions), rows)
