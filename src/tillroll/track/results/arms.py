"""The results of each arm of a run: recipients, e-mails, and the orders that used a code."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageState
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes, messages, orders, recipients, redemptions


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """The results of one arm up to now."""

    name: str
    recipients: int
    sent: int
    redemptions: int  # orders that used a code of its recipients
    discount: Decimal
    revenue: Decimal


def results_by_arm(connection: Connection, run: Run) -> list[ArmResult]:
    """Return the results of the arms of a run's plan, by name; empty when the campaign has no arms."""
    of_plan = recipients.c.plan_id == run.plan_id
    if not connection.scalar(sa.select(recipients.c.arm).where(of_plan).limit(1)):
        return []  # either every recipient has an arm, or none has
    by_arm = sa.select(recipients.c.arm, sa.func.count().label("n")).where(of_plan)
    counts = {row.arm: row.n for row in connection.execute(by_arm.group_by(recipients.c.arm))}
    offers = (messages.c.run_id == run.id, messages.c.kind == "offer")
    sent_by_arm = (
        sa.select(recipients.c.arm, sa.func.count().label("n"))
        .join(messages, messages.c.recipient_id == recipients.c.id)
        .where(*offers, messages.c.state == MessageState.SENT)
    )
    sent = {row.arm: row.n for row in connection.execute(sent_by_arm.group_by(recipients.c.arm))}
    used = {
        row.arm: row for row in connection.execute(_used(recipients.c.arm, run).group_by(recipients.c.arm))
    }
    zero = Decimal(0)
    return [
        ArmResult(
            name=arm,
            recipients=count,
            sent=sent.get(arm, 0),
            redemptions=used[arm].n if arm in used else 0,
            discount=(used[arm].discount if arm in used else None) or zero,
            revenue=(used[arm].revenue if arm in used else None) or zero,
        )
        for arm, count in sorted(counts.items())
    ]


def used_by_recipients(connection: Connection, run: Run) -> tuple[int, Decimal, Decimal]:
    """Return the orders, discount and revenue of the codes in a run's e-mails; of a shared code, only its recipients' orders."""
    row = connection.execute(_used(sa.literal(""), run)).one()
    return int(row.n), row.discount or Decimal(0), row.revenue or Decimal(0)


def _used(arm: sa.ColumnElement[Any], run: Run) -> sa.Select[Any]:
    """Select the redemptions of codes that the run's e-mails showed; of a shared code, only the recipient's own orders."""
    same_order = sa.and_(
        orders.c.store_id == redemptions.c.store_id, orders.c.order_id == redemptions.c.order_id
    )
    by_recipient = sa.or_(
        orders.c.customer_id == recipients.c.customer_id,
        sa.func.lower(orders.c.email) == sa.func.lower(recipients.c.email),
    )
    return (
        sa.select(
            arm.label("arm"),
            sa.func.count(redemptions.c.id).label("n"),
            sa.func.sum(redemptions.c.discount).label("discount"),
            sa.func.sum(redemptions.c.order_total).label("revenue"),
        )
        .select_from(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(redemptions, redemptions.c.code_id == codes.c.id)
        .outerjoin(orders, same_order)
        .where(messages.c.run_id == run.id, messages.c.kind == "offer")
        .where(sa.or_(codes.c.recipient_id.is_not(None), by_recipient))
    )
