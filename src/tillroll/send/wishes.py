"""What recipients themselves said about a campaign's e-mails: none, or at most one in so long. Few said anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.consent.standing import standings
from tillroll.ledger.queries.exposure import LEFT_AT, left_lately
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.send.context import Sending


@dataclass(frozen=True, kw_only=True)
class OwnWish:
    """What one recipient said."""

    stopped: SuppressionCause | None = None  # why they get no e-mail
    allowed_from: datetime | None = None  # when they get one again, if they asked for fewer


NO_WISH = OwnWish()


def wishes_of(
    connection: Connection, sending: Sending, rows: Sequence[sa.Row[Any]], now: datetime
) -> Mapping[int, OwnWish]:
    """Return the wishes of the few recipients who have one, by their customer id. A row has `customer_id` and `email`."""
    store_id, campaign = sending.run.store_id, sending.run.campaign
    known = standings(connection, store_id, campaign, [row.email for row in rows], now)
    if not known:
        return {}
    wishes: dict[int, OwnWish] = {}
    for row in rows:
        standing = known.get(mailbox_of(row.email))
        if standing is not None:
            again = _allowed_from(connection, store_id, row.customer_id, standing.pause, now)
            wishes[row.customer_id] = OwnWish(stopped=standing.stopped, allowed_from=again)
    return wishes


def _allowed_from(
    connection: Connection, store_id: int, customer_id: int, pause: timedelta | None, now: datetime
) -> datetime | None:
    """Return when a customer who asked for fewer e-mails gets one again; None: they may have one now."""
    if pause is None:
        return None
    last = left_lately(
        sa.func.max(LEFT_AT, type_=UtcDateTime()),
        store_id=store_id,
        customer=sa.literal(customer_id, sa.BigInteger),
        now=now,
        within=pause,
    )
    left_at: datetime | None = connection.scalar(sa.select(last))
    return left_at + pause if left_at is not None else None
