"""Conditions on earlier campaigns: e-mails that customers got, codes that they got, used, or let expire.

An e-mail counts from the moment when its sending began, even if it is unknown whether it left; a code counts with its e-mail.
Each function returns a query for the ids of the customers who fulfil a condition; an id may come several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.segments.conditions import CodeHistory, Emails
from tillroll.campaign.states import MessageState
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.predicates import is_order_of_use, was_used
from tillroll.ledger.tables import codes, messages, orders, recipients, redemptions, runs
from tillroll.plan.segments.question import Question

_MAY_HAVE_LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)
Ids = sa.Select[Any]


def got_email(wanted: Emails, question: Question) -> Ids:
    """Select who got at least so many e-mails."""
    query = _emailed(wanted, question)
    if (wanted.at_least or 1) > 1:
        query = query.group_by(recipients.c.customer_id).having(sa.func.count() >= wanted.at_least)
    return query


def got_code(wanted: CodeHistory, question: Question) -> Ids:
    """Select who got an e-mail with a code."""
    return _emailed(wanted, question).where(messages.c.code_id.is_not(None))


def used_code(wanted: CodeHistory, question: Question) -> Ids:
    """Select who placed an order with a code of ours, wherever they got it."""
    # the orders are looked up by the redemptions, never the other way round: there are far more orders
    order = sa.func.coalesce(redemptions.c.order_id, "")
    query = (
        sa.select(orders.c.customer_id)
        .select_from(redemptions)
        .join(orders, sa.and_(orders.c.store_id == question.store_id, orders.c.order_id == order))
        .where(redemptions.c.store_id == question.store_id)
    )
    if wanted.campaigns:
        query = query.where(redemptions.c.run_id.in_(_runs(wanted.campaigns, question)))
    if question.only is not None:
        query = query.where(orders.c.customer_id == question.only)
    else:
        query = query.where(sa.func.coalesce(orders.c.customer_id, 0) != 0)
    since = question.since(wanted.within)
    return query if since is None else query.where(redemptions.c.at > since)


def ignored_code(wanted: CodeHistory, question: Question) -> Ids:
    """Select who got a code that expired unused: a personal code by anybody, a shared code by them."""
    by_them = (
        sa.select(orders.c.order_id)
        .join(
            redemptions,
            is_order_of_use(),
        )
        .where(
            orders.c.store_id == question.store_id,
            orders.c.customer_id == recipients.c.customer_id,
            redemptions.c.code_id + 0
            == codes.c.id,  # `+ 0` keeps the index on code_id out: by their few orders, not by the many uses of a shared code
        )
        .correlate(recipients, codes)
        .exists()
    )
    maker = runs.alias("maker")
    return (
        _emailed(wanted, question)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(maker, maker.c.id == codes.c.run_id)
        .where(
            works_until(maker) < question.now,
            sa.case((codes.c.recipient_id.is_not(None), sa.not_(was_used())), else_=sa.not_(by_them)),
        )
    )


def _emailed(wanted: CodeHistory | Emails, question: Question) -> Ids:
    """Select the recipients of e-mails that left or may have: by the time of sending if there is a period, else by run."""
    query = (
        sa.select(recipients.c.customer_id)
        .select_from(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .where(messages.c.state.in_(_MAY_HAVE_LEFT))
    )
    since = question.since(wanted.within)
    if since is not None:
        query = query.where(messages.c.store_id == question.store_id, messages.c.sending_at > since)
    if wanted.campaigns or since is None:
        query = query.where(messages.c.run_id.in_(_runs(wanted.campaigns, question)))
    if question.only is not None:
        query = query.where(recipients.c.customer_id == question.only)
    return query


def _runs(campaigns: Sequence[str], question: Question) -> sa.Select[tuple[int]]:
    query = sa.select(runs.c.id).where(runs.c.store_id == question.store_id)
    return query.where(runs.c.campaign.in_(campaigns)) if campaigns else query
