"""Which code an address has now: what a service that sends e-mails shows, whatever the order in which it is told of changes.

A service knows people by their address: two customers may share one, and one customer may have had two.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.records.record import Record
from tillroll.ledger.tables import codes, customers, recipients, runs


@dataclass(frozen=True, kw_only=True)
class CurrentCode(Record):
    """A code that is switched on, unused and not over."""

    email: str  # of its recipient, as it was when they were chosen
    code: str
    campaign: str
    valid_until: datetime | None  # None: it works until it is used


def current_codes(
    connection: Connection,
    store_id: int,
    addresses: Collection[str],
    *,
    customer_ids: Collection[int],
    now: datetime,
) -> dict[str, CurrentCode]:
    """Return the newest code that works now of each address, by `same_address`; those without one are left out.

    `customer_ids`: who had these addresses when they got codes; others who have them now are found here.
    """
    boxes = sorted({mailbox_of(address) for address in addresses} - {""})
    having = (customers.c.store_id == store_id, customers.c.mailbox.in_(boxes))
    people = {*customer_ids, *connection.scalars(sa.select(customers.c.customer_id).where(*having))}
    until = works_until()
    query = (
        sa.select(recipients.c.email, codes.c.code, runs.c.campaign, until.label("valid_until"))
        .select_from(codes)
        .join(recipients, recipients.c.id == codes.c.recipient_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(
            codes.c.store_id == store_id,
            recipients.c.customer_id.in_(sorted(people)),
            codes.c.state == CodeState.LIVE,
            sa.or_(until.is_(None), until > now),
            ~was_used(),
        )
        .order_by(recipients.c.id, codes.c.id)  # the newest last: a code of a pool may be older than its plan
    )
    found = [CurrentCode.from_row(row) for row in connection.execute(query)]
    wanted = {same_address(address) for address in addresses}
    return {same_address(each.email): each for each in found if same_address(each.email) in wanted}
