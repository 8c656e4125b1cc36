"""Who is to be brought into the store's customer group of their tier. `to_store.py` does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.ledger.engine import insert_new, writing
from tillroll.ledger.mirror.loyalty import TierCounting
from tillroll.ledger.tables import customer_tiers, customers, tier_group_moves, tier_rules

_PIECE = 500


def queue_moves(connection: Connection, store_id: int, ids: Sequence[int], now: datetime) -> None:
    """Let customers be brought into the group of their tier. Who waits already waits once."""
    rows = [{"store_id": store_id, "customer_id": each, "asked_at": now} for each in ids]
    insert_new(connection, tier_group_moves, rows)


def compare_groups(
    engine: Engine, store_id: int, counting: TierCounting, now: datetime, finished: Callable[[], bool]
) -> bool:
    """After a change of the file, queue everybody whose group is another one in the mirror. Returns whether there is more."""
    last = counting.grouped_to
    while last is not None:
        with writing(engine) as connection:
            last = _compare_piece(connection, store_id, counting, last, now)
        if finished():
            return last is not None
    return False


def _compare_piece(
    connection: Connection, store_id: int, counting: TierCounting, last: int, now: datetime
) -> int | None:
    """Queue who is out of step among the next customers; return the last of them, None after the last piece."""
    kept = customer_tiers.c
    query = (
        sa.select(kept.customer_id, kept.tier, customers.c.group_name)
        .join(
            customers,
            sa.and_(customers.c.store_id == kept.store_id, customers.c.customer_id == kept.customer_id),
        )
        .where(kept.store_id == store_id, kept.customer_id > last)
        .order_by(kept.customer_id)
        .limit(_PIECE)
    )
    rows = connection.execute(query).all()
    ours = {*counting.groups.values(), *counting.past_groups}
    out_of_step = [
        row.customer_id
        for row in rows
        if row.group_name != counting.groups.get(row.tier)
        and (row.tier in counting.groups or row.group_name in ours)
    ]
    queue_moves(connection, store_id, out_of_step, now)
    come_to = rows[-1].customer_id if len(rows) == _PIECE else None
    values = {"grouped_to": come_to}
    connection.execute(sa.update(tier_rules).where(tier_rules.c.store_id == store_id).values(values))
    return come_to
