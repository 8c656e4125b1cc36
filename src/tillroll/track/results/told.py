"""Which run's e-mail told a buyer of the code they used, where another run made the code: a pool's, or one shared by all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageKind
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.tables import codes, customers, messages, plans, recipients

_CLOCKS_DIFFER = timedelta(minutes=1)  # ours from the store's, at most


@dataclass(frozen=True, kw_only=True)
class Teller:
    """The run that told a buyer of a code, and the arm in which it had the buyer."""

    run_id: int
    arm: str


def teller_of(
    connection: Connection,
    store_id: int,
    *,
    code_id: int,
    customer_id: int | None,
    email: str,
    bought_at: datetime,
) -> Teller | None:
    """Return the run that told the buyer of a code, or None: the run that made it did, or nobody.

    A code of a pool was handed to its recipient. Of a shared code many were told: the buyer by their last e-mail with it
    before they bought.
    The buyer is the order's customer, and whoever has its address.
    """
    made = connection.execute(
        sa.select(codes.c.run_id, codes.c.recipient_id).where(codes.c.id == code_id)
    ).one()
    told = sa.select(plans.c.run_id, recipients.c.arm).join(plans, plans.c.id == recipients.c.plan_id)
    if made.recipient_id is not None:
        row = connection.execute(told.where(recipients.c.id == made.recipient_id)).first()
    else:
        buyer = _numbers(connection, store_id, customer_id, email)
        had_it = (
            messages.c.code_id == code_id,
            messages.c.kind == MessageKind.OFFER,
            messages.c.sent_at < bought_at + _CLOCKS_DIFFER,
        )
        query = told.join(messages, messages.c.recipient_id == recipients.c.id)
        of_buyer = query.where(recipients.c.customer_id.in_(buyer), *had_it)
        row = connection.execute(of_buyer.order_by(messages.c.id.desc()).limit(1)).first()
    if row is None or row.run_id == made.run_id:
        return None
    return Teller(run_id=row.run_id, arm=row.arm)


def _numbers(connection: Connection, store_id: int, customer_id: int | None, email: str) -> list[int]:
    """Return the customers who may be the buyer of an order."""
    box = mailbox_of(email)
    same = (customers.c.store_id == store_id, customers.c.mailbox == box)
    found = list(connection.scalars(sa.select(customers.c.customer_id).where(*same))) if box else []
    return found if customer_id is None else [customer_id, *found]
