"""What becomes of findings of several uses when the order of one is undone: they go on with the other uses, or are dropped.

It is part of the transaction that removes the use, and costs nothing where the use was nobody's leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import LeakKind, UsedBy
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import leak_checks, leaks, orders, redemptions
from tillroll.track.results.leaks.decide import MANY, STRANGERS
from tillroll.track.results.leaks.found import LeakFinding, find_leaks, uses_of_leak
from tillroll.track.results.leaks.judge import HOUR, hour_of, in_time, is_burst_at, of_buyer


@dataclass(frozen=True, kw_only=True)
class _UndoneUse:
    """A use that is about to be removed, and that looked like a stranger's."""

    redemption_id: int
    code_id: int
    campaign: str
    at: datetime
    buyer: str  # digest


def review_findings(connection: Connection, store_id: int, order_ids: Sequence[str]) -> None:
    """Look again at the findings that the uses of some orders are part of, right before these uses are removed."""
    undone = _strange_uses(connection, store_id, order_ids)
    numbers = {use.redemption_id for use in undone}
    around = {found.leak_id: found for use in undone for found in _findings_with(connection, store_id, use)}
    for found in around.values():
        left = sorted(set(connection.scalars(uses_of_leak(connection, store_id, found))) - numbers)
        here = leaks.c.id == found.leak_id
        if not left or not _holds(connection, store_id, found, left):
            connection.execute(sa.delete(leaks).where(here))
        elif found.redemption_id in numbers:
            same = (leaks.c.redemption_id == left[0], leaks.c.kind == found.kind)
            if connection.scalar(sa.select(leaks.c.id).where(*same)) is None:
                connection.execute(sa.update(leaks).where(here).values(redemption_id=left[0]))
            # else that finding says the same, and this one goes with its use


def _strange_uses(connection: Connection, store_id: int, order_ids: Sequence[str]) -> list[_UndoneUse]:
    query = (
        sa.select(redemptions.c.id, redemptions.c.code_id, leak_checks.c.campaign, leak_checks.c.at)
        .add_columns(orders.c.buyer)
        .join(leak_checks, leak_checks.c.redemption_id == redemptions.c.id)
        .outerjoin(orders, is_order_of_use())
        .where(redemptions.c.store_id == store_id, redemptions.c.order_id.in_(order_ids))
        .where(leak_checks.c.used_by.in_((*STRANGERS, UsedBy.PUBLIC)))
    )
    return [
        _UndoneUse(
            redemption_id=row.id,
            code_id=row.code_id,
            campaign=row.campaign,
            at=row.at,
            buyer=row.buyer or "",
        )
        for row in connection.execute(query)
    ]


def _findings_with(connection: Connection, store_id: int, undone: _UndoneUse) -> list[LeakFinding]:
    """Return the findings of several uses that this one may be part of."""
    hour, used = hour_of(undone.at), sa.select(redemptions.c.id).where(redemptions.c.store_id == store_id)
    groups = {
        LeakKind.MANY_BUYERS: used.where(redemptions.c.code_id == undone.code_id),
        LeakKind.MANY_CODES: used.join(orders, is_order_of_use()).where(*of_buyer([undone.buyer])),
        LeakKind.BURST: sa.select(leak_checks.c.redemption_id).where(
            *in_time(store_id, undone.campaign, hour, hour + HOUR)
        ),
    }
    return [
        found
        for kind, group in groups.items()
        for found in find_leaks(
            connection, leaks.c.store_id == store_id, leaks.c.kind == kind, leaks.c.redemption_id.in_(group)
        )
    ]


def _holds(connection: Connection, store_id: int, found: LeakFinding, left: list[int]) -> bool:
    """Return whether the uses that are left are still a finding."""
    if found.kind is LeakKind.BURST:
        return is_burst_at(connection, store_id, found.campaign, hour_of(found.at), count=len(left))
    of_use = redemptions.c.code_id if found.kind is LeakKind.MANY_CODES else orders.c.buyer
    distinct = sa.select(sa.func.count(sa.distinct(of_use))).select_from(redemptions)
    where = (redemptions.c.id.in_(left), orders.c.buyer != "")
    return int(connection.scalar(distinct.join(orders, is_order_of_use()).where(*where)) or 0) >= MANY
