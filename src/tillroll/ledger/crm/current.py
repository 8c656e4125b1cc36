"""Which code a customer has now: what a service that sends e-mails shows, whatever the order in which it is told of changes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.records.record import Record
from tillroll.ledger.tables import codes, recipients, runs


@dataclass(frozen=True, kw_only=True)
class CurrentCode(Record):
    """A customer's code that is switched on, unused and not over."""

    customer_id: int
    code: str
    campaign: str
    valid_until: datetime | None  # None: it works until it is used


def current_codes(
    connection: Connection, store_id: int, customer_ids: Collection[int], *, now: datetime
) -> dict[int, CurrentCode]:
    """Return the newest of each customer's own codes that work now, by customer; those who have none are left out."""
    until = works_until()
    query = (
        sa.select(recipients.c.customer_id, codes.c.code, runs.c.campaign, until.label("valid_until"))
        .select_from(codes)
        .join(recipients, recipients.c.id == codes.c.recipient_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(
            codes.c.store_id == store_id,
            recipients.c.customer_id.in_(sorted(customer_ids)),
            codes.c.state == CodeState.LIVE,
            sa.or_(until.is_(None), until > now),
            ~was_used(),
        )
        .order_by(recipients.c.id, codes.c.id)  # the newest last: a code of a pool may be older than its plan
    )
    found = [CurrentCode.from_row(row) for row in connection.execute(query)]
    return {each.customer_id: each for each in found}
