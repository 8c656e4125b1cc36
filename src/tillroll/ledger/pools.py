"""Which codes of a pool can be handed out: live, nobody's yet, and good for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from tillroll.campaign.states import CodeState
from tillroll.ledger.tables import codes, redemptions, runs

POOL = "pool"
"""The kind of a run that makes codes ahead, for nobody yet."""

LEAST_LEFT = timedelta(days=1)
"""A code that expires sooner isn't handed out any more."""


def to_hand_out(store_id: int, campaign: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions, over `codes` joined with the `runs` that made them."""
    used = sa.exists().where(redemptions.c.code_id == codes.c.id)
    return (
        runs.c.store_id == store_id,
        runs.c.campaign == campaign,
        runs.c.kind == POOL,
        runs.c.valid_until > now + LEAST_LEFT,
        codes.c.recipient_id.is_(None),
        codes.c.handed_at.is_(None),
        codes.c.state == CodeState.LIVE,
        ~used,
    )
