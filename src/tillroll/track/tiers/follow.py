"""Keep every customer's tier in step with their orders, in bounded pieces: the loop calls this at each turn.

Customers are counted anew whose orders changed (`marks.py`), or whose oldest order stopped counting. New or changed rules count
everybody once, in the order of their numbers. Crash points: none between: where customers stand, what changed and how far the
count has come are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.tiers import TierCause
from tillroll.campaign.segments.tiers import TierRules
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ledger.engine import lock_store_row, reading, upsert, writing
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.mirror.loyalty import TierCounting, load_counting
from tillroll.ledger.mirror.reach import mirror_reach
from tillroll.ledger.tables import customer_tiers, orders, tier_marks, tier_rules
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.track.tiers.count import PIECE, recount
from tillroll.track.tiers.queue import compare_groups


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The last customer of a piece."""

    customer_id: int
    moves_at: datetime | None = None


def record_tiers(engine: Engine, *, store_id: int, rules: TierRules | None) -> None:
    """Take over the tiers of the store's files. If they changed, everybody is counted by them anew. Safe to repeat."""
    with reading(engine) as connection:
        counting = load_counting(connection, store_id)
    if rules is None and counting is None:
        return
    if rules is None:
        with writing(engine) as connection:
            lock_store_row(connection, store_id)
            connection.execute(sa.delete(tier_rules).where(tier_rules.c.store_id == store_id))
        return
    values: dict[str, Any] = {"store_id": store_id}
    if counting is None or counting.scale != rules.scale:
        values |= {"scale": rules.scale.to_plain(), "counted_to": 0, "ready_at": None}
    if counting is None or counting.groups != rules.groups:
        before = {*counting.past_groups, *counting.groups.values()} if counting is not None else set()
        values |= {"groups": dict(rules.groups), "past_groups": sorted(before), "group_trouble": ""}
    if len(values) == 1:
        return
    values["grouped_to"] = 0 if rules.groups else None
    with writing(engine) as connection:
        lock_store_row(connection, store_id)
        if counting is None:
            upsert(connection, tier_rules, [values])
        else:
            connection.execute(sa.update(tier_rules).where(tier_rules.c.store_id == store_id).values(values))


def follow_tiers(
    engine: Engine, *, store_id: int, now: datetime, finished: Callable[[], bool] = lambda: False
) -> bool:
    """Count what is due, until a slice has `finished`. Returns whether more is due. Safe to repeat."""
    with reading(engine) as connection:
        counting = load_counting(connection, store_id)
        since = None if counting is None or counting.scale.within is None else now - counting.scale.within
        is_known = counting is not None and mirror_reach(connection, store_id).knows_orders(since)
    if counting is None:
        return _forget_tiers(engine, store_id)
    while not counting.covers_everybody:
        if not is_known:
            return (
                False  # older orders are still being read: counted without them, everybody would rise later
            )
        counting = _count_everybody(engine, store_id, counting, now)
        if finished():
            return True
    more = _count_due(engine, store_id, counting, now, finished)
    return compare_groups(engine, store_id, counting, now, finished) or more


def _count_everybody(engine: Engine, store_id: int, counting: TierCounting, now: datetime) -> TierCounting:
    """Count the next customers by new rules; return how far that is."""
    with reading(engine) as connection:
        ids = known_customers(connection, store_id, after=counting.counted_to)
    come_to = ids[-1] if ids else counting.counted_to
    ready_at = now if len(ids) < PIECE else None

    def advance(connection: Connection, _failed: object) -> None:
        values = {"counted_to": come_to, "ready_at": ready_at}
        connection.execute(sa.update(tier_rules).where(tier_rules.c.store_id == store_id).values(values))

    def count(connection: Connection, some: Sequence[int]) -> None:
        lock_store_row(connection, store_id)
        recount(connection, store_id, counting, some, cause=TierCause.RULES, now=now)
        _unmark(connection, store_id, some)

    write_pieces(
        engine, ids, count, name=lambda each: _item(store_id, each), stage=Stage.TIERS, now=now, also=advance
    )
    return replace(counting, counted_to=come_to, ready_at=ready_at)


def known_customers(connection: Connection, store_id: int, *, after: int) -> list[int]:
    """Return the next customers who have orders or a tier, in the order of their numbers."""
    found = []
    for table in (orders, customer_tiers):
        column = table.c.customer_id
        query = sa.select(column).distinct().where(table.c.store_id == store_id, column > after)
        found.append(list(connection.scalars(query.order_by(column).limit(PIECE))))
    return list(dict.fromkeys(merge(*found)))[:PIECE]


def _count_due(
    engine: Engine, store_id: int, counting: TierCounting, now: datetime, finished: Callable[[], bool]
) -> bool:
    """Count the customers who are marked, then those whose oldest order stopped counting."""

    def count(connection: Connection, some: Sequence[int]) -> None:
        lock_store_row(connection, store_id)
        recount(connection, store_id, counting, some, cause=TierCause.ORDERS, now=now)
        _unmark(connection, store_id, some)

    for due in (_marked, _moved):
        place: _Place | None = None
        while True:
            with reading(engine) as connection:
                ids, place = due(connection, store_id, now, place)
            if not ids:
                break
            write_pieces(
                engine, ids, count, name=lambda each: _item(store_id, each), stage=Stage.TIERS, now=now
            )
            if finished():
                return True
    return False


def _marked(
    connection: Connection, store_id: int, _now: datetime, after: _Place | None
) -> tuple[list[int], _Place | None]:
    """Return the next customers who are marked. One who can't be counted is passed by, and met again at the next turn."""
    marks = tier_marks.c
    query = sa.select(marks.customer_id).where(marks.store_id == store_id)
    if after is not None:
        query = query.where(marks.customer_id > after.customer_id)
    ids = list(connection.scalars(query.order_by(marks.customer_id).limit(PIECE)))
    return ids, _Place(customer_id=ids[-1]) if ids else None


def _moved(
    connection: Connection, store_id: int, now: datetime, after: _Place | None
) -> tuple[list[int], _Place | None]:
    """Return the next customers whose oldest order stopped counting, the longest ago first."""
    kept = customer_tiers.c
    query = sa.select(kept.customer_id, kept.moves_at).where(kept.store_id == store_id, kept.moves_at <= now)
    if after is not None and after.moves_at is not None:
        moment = sa.literal(after.moves_at, UtcDateTime())
        place = sa.tuple_(kept.moves_at, kept.customer_id)
        query = query.where(kept.moves_at >= moment, place > sa.tuple_(moment, after.customer_id))
    rows = connection.execute(query.order_by(kept.moves_at, kept.customer_id).limit(PIECE)).all()
    last = _Place(customer_id=rows[-1].customer_id, moves_at=rows[-1].moves_at) if rows else None
    return [row.customer_id for row in rows], last


def _unmark(connection: Connection, store_id: int, ids: Sequence[int]) -> None:
    where = (tier_marks.c.store_id == store_id, tier_marks.c.customer_id.in_(ids))
    connection.execute(sa.delete(tier_marks).where(*where))


def _item(store_id: int, customer_id: int) -> FaultyItem:
    return FaultyItem(store_id=store_id, kind=ItemKind.ROW, name=f"tiers {customer_id}")


def _forget_tiers(engine: Engine, store_id: int) -> bool:
    """Forget a piece of what was counted by rules that are gone. The changes stay. Returns whether there is more."""
    found = False
    for table in (customer_tiers, tier_marks):
        query = sa.select(table.c.customer_id).where(table.c.store_id == store_id).limit(PIECE)
        with reading(engine) as connection:
            ids = list(connection.scalars(query))
        if ids:
            with writing(engine) as connection:
                where = (table.c.store_id == store_id, table.c.customer_id.in_(ids))
                connection.execute(sa.delete(table).where(*where))
        found = found or bool(ids)
    return found
