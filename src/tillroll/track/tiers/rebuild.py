"""Prove that every kept tier is what the orders say, or mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.tiers import TierCause
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.mirror.loyalty import TierStanding, load_counting, standings_of
from tillroll.track.tiers.count import count_customers, recount
from tillroll.track.tiers.follow import follow_tiers, known_customers


@dataclass(frozen=True, kw_only=True)
class TierDifference:
    """A customer who was kept in another tier, or with another figure, than their orders say."""

    customer_id: int
    kept_tier: str
    kept_figure: Decimal
    tier: str
    figure: Decimal


def rebuild_tiers(engine: Engine, *, store_id: int, now: datetime) -> Iterator[TierDifference]:
    """Count everybody anew, a piece at a time, and mend what was wrong; yield each difference. Safe to repeat.

    What is due anyway is counted first: it is late, not wrong. Without tiers, or while they are first counted, there is nothing.
    """
    while follow_tiers(engine, store_id=store_id, now=now):
        pass
    last = 0
    while True:
        with writing(engine) as connection:
            lock_store_row(connection, store_id)
            ids = known_customers(connection, store_id, after=last)
            wrong = _mend(connection, store_id, ids, now)
        yield from wrong
        if not ids:
            return
        last = ids[-1]


def _mend(connection: Connection, store_id: int, ids: list[int], now: datetime) -> list[TierDifference]:
    counting = load_counting(connection, store_id)
    if counting is None or not counting.covers_everybody:
        return []
    kept = standings_of(connection, store_id, ids)
    counted = count_customers(connection, store_id, counting.scale, ids, now)
    wrong = []
    for customer_id in ids:
        nothing = TierStanding(customer_id=customer_id)
        was, new = kept.get(customer_id, nothing), counted.get(customer_id, nothing)
        if replace(was, since=None) != replace(new, since=None):
            wrong.append(
                TierDifference(
                    customer_id=customer_id,
                    kept_tier=was.tier,
                    kept_figure=was.figure,
                    tier=new.tier,
                    figure=new.figure,
                )
            )
    if wrong:
        mended = [each.customer_id for each in wrong]
        recount(connection, store_id, counting, mended, cause=TierCause.MENDED, now=now)
    return wrong
