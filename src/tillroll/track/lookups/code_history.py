"""What became of one code: its terms, its e-mails, the orders that used it, and the changes to it. Each list is bounded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.offer import PERCENT_KINDS
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import ChangeKind, MessageState, PartState
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import change_parts, changes, codes, messages, orders, plans, redemptions, runs

_MOST_CHANGES = 20


@dataclass(frozen=True, kw_only=True)
class CodeEmail:
    """An e-mail that shows a recipient's own code."""

    run_id: int
    kind: str  # offer or reminder
    state: MessageState
    reason: str
    sent_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CodeOrder:
    """An order that counts and used the code."""

    redemption_id: int
    order_id: str
    at: datetime
    total: Decimal
    discount: Decimal
    customer_id: int | None  # None: a guest, or the order is not in the mirror any more


@dataclass(frozen=True, kw_only=True)
class CodeChange:
    """A change to the code in the store."""

    kind: ChangeKind
    person: str
    note: str
    at: datetime
    state: PartState
    reason: str


def say_terms(connection: Connection, code_id: int, currency: str) -> str:
    """Return what a code gives, as a phrase; empty if no plan tells, as of a coupon made elsewhere."""
    query = (
        sa.select(codes.c.arm, codes.c.value, runs.c.step, plans.c.revision_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .join(plans, plans.c.id == runs.c.plan_id)
        .where(codes.c.id == code_id, codes.c.terms.is_(None))
    )
    row = connection.execute(query).first()
    if row is None:
        return ""
    revision = load_revision(connection, row.revision_id)
    offer = revision.as_run(step=row.step, arm=row.arm if row.arm in revision.arms else "").offer
    if offer is None:
        return ""
    phrase = say_offer(offer, currency)
    if row.value is None:
        return phrase
    own = say_percent(row.value) if offer.kind in PERCENT_KINDS else say_money(row.value, currency)
    return f"{phrase}; this code: {own}"


def emails_of_code(connection: Connection, code_id: int) -> list[CodeEmail]:
    """Return the e-mails to the recipient of a code; none for a code that all share, which a run's list has."""
    query = (
        sa.select(messages)
        .join(
            codes, sa.and_(codes.c.recipient_id == messages.c.recipient_id, codes.c.id == messages.c.code_id)
        )
        .where(codes.c.id == code_id)
        .order_by(messages.c.id)
    )
    return [
        CodeEmail(
            run_id=row.run_id,
            kind=row.kind,
            state=MessageState(row.state),
            reason=row.reason,
            sent_at=row.sent_at,
        )
        for row in connection.execute(query)
    ]


def orders_of_code(
    connection: Connection, code_id: int, *, before: int | None = None, limit: int
) -> list[CodeOrder]:
    """Return orders that used a code, newest first. For the next page, pass the last `redemption_id` as `before`."""
    query = (
        sa.select(redemptions, orders.c.customer_id)
        .outerjoin(orders, is_order_of_use())
        .where(redemptions.c.code_id == code_id)
        .order_by(redemptions.c.at.desc(), redemptions.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        last = redemptions.alias("last")
        place = sa.select(last.c.at).where(last.c.id == before, last.c.code_id == code_id).scalar_subquery()
        query = query.where(sa.tuple_(redemptions.c.at, redemptions.c.id) < sa.tuple_(place, before))
    return [
        CodeOrder(
            redemption_id=row.id,
            order_id=row.order_id,
            at=row.at,
            total=row.order_total,
            discount=row.discount,
            customer_id=row.customer_id,
        )
        for row in connection.execute(query)
    ]


def changes_of_code(connection: Connection, code_id: int) -> list[CodeChange]:
    """Return the latest changes to a code, newest first."""
    query = (
        sa.select(changes.c.kind, changes.c.person, changes.c.note, changes.c.created_at)
        .add_columns(change_parts.c.state, change_parts.c.reason)
        .join(changes, changes.c.id == change_parts.c.change_id)
        .where(change_parts.c.code_id == code_id)
        .order_by(change_parts.c.id.desc())
        .limit(_MOST_CHANGES)
    )
    return [
        CodeChange(
            kind=ChangeKind(row.kind),
            person=row.person,
            note=row.note,
            at=row.created_at,
            state=PartState(row.state),
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]
