"""How many runs, live codes and e-mails a store has in all."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState, MessageState
from tillroll.ledger.tables import codes, messages, runs

_HELD = (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class StoreTotals:
    """Counts over all runs of one store."""

    runs: int
    codes_live: int
    messages_sent: int
    messages_held: int  # held, failed or unknown: not sent, and won't be by themselves


def store_totals(connection: Connection, store_id: int) -> StoreTotals:
    """Return the totals of a store. Counts whole tables, so not for a page."""

    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(table.c.store_id == store_id, *where)
        return int(connection.scalar(query) or 0)

    return StoreTotals(
        runs=count(runs),
        codes_live=count(codes, codes.c.state == CodeState.LIVE),
        messages_sent=count(messages, messages.c.state == MessageState.SENT),
        messages_held=count(messages, messages.c.state.in_(_HELD)),
    )
