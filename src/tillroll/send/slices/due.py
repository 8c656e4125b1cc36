"""The next messages of a run, with all that decides whether they may go and what they say."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.states import CodeState, ItemKind, MessageKind, MessageState
from tillroll.campaign.timing.places import Residence
from tillroll.ledger.faults.rows import is_set_aside
from tillroll.ledger.queries.exposure import LEFT_AT, WEEK, left_lately
from tillroll.ledger.queries.given import works_from, works_until
from tillroll.ledger.tables import codes, customers, messages, recipients, runs
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.send.context import SendContext, Sending
from tillroll.send.same_person import OtherCustomers
from tillroll.send.slices.compose import DueMessage
from tillroll.send.slices.prepare import is_used
from tillroll.send.wishes import OwnWish


def next_messages(sending: Sending, now: datetime, most: int) -> sa.Select[Any]:
    """Select the next messages. They are picked from their index first, so that only their other data is joined."""
    run = sending.run
    due = (
        sa.select(messages.c.id)
        .where(
            messages.c.run_id == run.id,
            messages.c.kind == sending.kind.value,
            messages.c.state == MessageState.READY,
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
            _is_in_share(sending.context),
            ~is_set_aside(ItemKind.MESSAGE, run.store_id, messages.c.id),
            sa.exists().where(runs.c.id == run.id, runs.c.state == run.state),  # nothing leaves after a halt
        )
        .order_by(messages.c.id)
        .limit(most)
        .subquery("due")
    )
    return _with_facts(sending, due, now)


def one_message(sending: Sending, message_id: int, now: datetime) -> sa.Select[Any]:
    """Select one message in the same way, whatever its state."""
    one = sa.select(messages.c.id).where(messages.c.id == message_id).subquery("due")
    return _with_facts(sending, one, now)


def _with_facts(sending: Sending, due: sa.Subquery, now: datetime) -> sa.Select[Any]:
    run = sending.run
    same_customer = sa.and_(
        customers.c.store_id == run.store_id, customers.c.customer_id == recipients.c.customer_id
    )
    made_by = runs.alias("made_by")  # a code of a pool, of an earlier step, or a shared one, is another run's
    return (
        sa.select(
            messages.c.id.label("message_id"),
            messages.c.message_key,
            recipients,
            codes.c.code,
            codes.c.state.label("code_state"),
            codes.c.value.label("code_value"),
            works_from(made_by).label("valid_from"),
            works_until(made_by).label("valid_until"),
            customers.c.accepts_marketing,
            customers.c.customer_id.label("known_customer_id"),
            customers.c.email.label("email_now"),
            customers.c.country.label("country_now"),
            customers.c.region.label("region_now"),
            (is_used() if sending.kind is MessageKind.REMINDER else sa.false()).label("is_used"),
            *_sent_this_week(sending, now),
        )
        .join(due, due.c.id == messages.c.id)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .outerjoin(codes, codes.c.id == messages.c.code_id)
        .outerjoin(made_by, made_by.c.id == codes.c.run_id)
        .outerjoin(customers, same_customer)
        .order_by(messages.c.id)
    )


def _is_in_share(context: SendContext) -> sa.ColumnElement[bool]:
    share = context.share
    return messages.c.id % share.of == share.index if share is not None else sa.true()


def _sent_this_week(sending: Sending, now: datetime) -> list[sa.ColumnElement[Any]]:
    """Select how many e-mails the recipient got in the last week, and when the first left; nothing without such a guardrail."""
    if sending.revision.guardrails.messages_per_person_per_week is None:
        return []
    of_week = partial(left_lately, store_id=sending.run.store_id, customer=recipients.c.customer_id, now=now)
    return [
        of_week(sa.func.count()).label("week_count"),
        of_week(sa.func.min(LEFT_AT, type_=UtcDateTime())).label("week_first"),
    ]


def place_of(row: sa.Row[Any]) -> Residence:
    """Return where a recipient lives, as the mirror has it now; a customer who is gone lives nowhere that is known."""
    return Residence(country=row.country_now or "", region=row.region_now or "")


def due_message(sending: Sending, row: sa.Row[Any], others: OtherCustomers, wish: OwnWish) -> DueMessage:
    limit = sending.revision.guardrails.messages_per_person_per_week
    allowed_from = None
    if limit is not None and row.week_count + others.week_count >= limit:
        began = [first for first in (row.week_first, others.week_first) if first is not None]
        allowed_from = min(began) + WEEK
    if wish.allowed_from is not None:
        allowed_from = max(allowed_from or wish.allowed_from, wish.allowed_from)
    return DueMessage(
        id=row.message_id,
        key=row.message_key,
        recipient=Recipient(
            customer_id=row.customer_id,
            email=row.email,
            name=row.name,
            first_name=row.first_name,
            language=row.language,
            country=row.country,
            arm=row.arm,
            value=row.value,
        ),
        code=row.code,
        code_state=CodeState(row.code_state) if row.code_state is not None else None,
        code_value=row.code_value,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        consent=False if others.refused else row.accepts_marketing,
        stopped=wish.stopped,
        is_customer=row.known_customer_id is not None,
        email_now=row.email_now or "",
        is_used=bool(row.is_used),
        allowed_from=allowed_from,
    )
