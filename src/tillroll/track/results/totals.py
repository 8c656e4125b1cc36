"""How many runs, live codes and e-mails a store has in all."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageState
from tillroll.ledger.counting.read import count_codes, count_messages
from tillroll.ledger.tables import runs

_HELD = (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class StoreTotals:
    """Counts over all runs of one store."""

    runs: int
    codes_live: int
    messages_sent: int
    messages_held: int  # held, failed or unknown: not sent, and won't be by themselves


def store_totals(connection: Connection, store_id: int) -> StoreTotals:
    """Return the totals of a store."""
    query = sa.select(sa.func.count()).select_from(runs).where(runs.c.store_id == store_id)
    return StoreTotals(
        runs=int(connection.scalar(query) or 0),
        codes_live=count_codes(connection, store_id, {CodeState.LIVE}),
        messages_sent=count_messages(connection, store_id, {MessageState.SENT}),
        messages_held=count_messages(connection, store_id, _HELD),
    )
