"""Entries that wait while their campaign does not act."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import EntryCause, EntryState
from tillroll.ledger.tables import entries


def note_inactive(connection: Connection, *, store_id: int, campaign: str, reason: str) -> None:
    """Write down why the campaign's waiting entries get no step now; an empty reason: it is active again."""
    cause = EntryCause.CAMPAIGN_INACTIVE if reason else EntryCause.NONE
    waiting = (
        entries.c.store_id == store_id,
        entries.c.state == EntryState.WAITING,
        entries.c.campaign == campaign,
    )
    connection.execute(sa.update(entries).where(*waiting).values(cause=cause, reason=reason))
