"""The results of each arm of a run: recipients, e-mails, and the orders that used a code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageKind, MessageState
from tillroll.ledger.counting.read import messages_of_run, uses_of_run
from tillroll.ledger.queries.predicates import came_into_store
from tillroll.ledger.records import Run
from tillroll.ledger.tables import code_counts, plans


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """The results of one arm up to now."""

    name: str
    recipients: int  # for whom there is an e-mail; a code, if another program sends the codes
    sent: int
    redemptions: int  # orders that used a code of its recipients
    discount: Decimal
    revenue: Decimal


def results_by_arm(connection: Connection, run: Run) -> list[ArmResult]:
    """Return the results of the arms of a run, by name; empty when the campaign has no arms."""
    offers = [each for each in messages_of_run(connection, run.id) if each.kind == MessageKind.OFFER]
    used = {use.arm: use for use in uses_of_run(connection, run.id)}
    people: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for each in offers:
        people[each.arm] += each.count
        sent[each.arm] += each.count if each.state is MessageState.SENT else 0
    if not offers:
        people = _told_by_arm(connection, run)
    zero = Decimal(0)
    return [
        ArmResult(
            name=arm,
            recipients=people[arm],
            sent=sent[arm],
            redemptions=used[arm].orders if arm in used else 0,
            discount=used[arm].discount if arm in used else zero,
            revenue=used[arm].revenue if arm in used else zero,
        )
        for arm in sorted(people.keys() - {""})
    ]


def _told_by_arm(connection: Connection, run: Run) -> Counter[str]:
    """Return how many codes of each arm came into the store, if another program sends them; else nothing."""
    sent_by = sa.select(plans.c.body["codes_sent_by"].as_string()).where(plans.c.id == run.plan_id)
    if not connection.scalar(sent_by):
        return Counter()
    came = (code_counts.c.run_id == run.id, came_into_store(code_counts))
    query = sa.select(code_counts.c.arm, sa.func.sum(code_counts.c.n).label("n")).where(*came)
    rows = connection.execute(query.group_by(code_counts.c.arm))
    return Counter({row.arm: int(row.n) for row in rows if row.n})
