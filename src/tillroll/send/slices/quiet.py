"""When the next message of a run may leave, by the clocks of the places where its recipients live."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tillroll.campaign.states import MessageState
from tillroll.campaign.timing.places import Residence
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import customers, messages, recipients
from tillroll.send.context import Sending


def opens_at(sending: Sending, now: datetime) -> datetime:
    """Return when the first message may leave: now, unless it is quiet in all places where people wait for one.

    The places are read only while it is quiet by the campaign's own clock. Each message is judged by its own place in any case.
    """
    times = sending.quiet
    if (day := times.days_end(now)) > now:
        return day
    if (opens := times.opens(now)) == now:
        return now
    return min([opens, *(times.opens(now, place) for place in _places(sending, now))])


def _places(sending: Sending, now: datetime) -> set[Residence]:
    """Return where the people live for whom a message is due."""
    run = sending.run
    query = (
        sa.select(customers.c.country, customers.c.region)
        .select_from(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .join(
            customers,
            sa.and_(
                customers.c.store_id == run.store_id, customers.c.customer_id == recipients.c.customer_id
            ),
        )
        .where(
            messages.c.run_id == run.id,
            messages.c.kind == sending.kind.value,
            messages.c.state == MessageState.READY,
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
        )
        .distinct()
    )
    with reading(sending.context.engine) as connection:
        return {Residence(country=row.country, region=row.region) for row in connection.execute(query)}
