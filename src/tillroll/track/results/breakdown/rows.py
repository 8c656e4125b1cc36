"""The queries behind a campaign's groups: its e-mails, the uses of its codes, the codes that are left, and its plans.

Each reads the rows of one campaign once and in pieces, so memory doesn't grow with them. It isn't for a page.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.states import NO_SALE, CodeState, MailEventKind, MessageKind, MessageState
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.tables import (
    codes,
    customers,
    mail_events,
    messages,
    order_items,
    orders,
    plans,
    products,
    recipients,
    redemptions,
    runs,
)
from tillroll.ledger.tables.types import Amount, UtcDateTime

_OF_RUN = (runs.c.slot_at, plans.c.revision_id)
_ISSUED = (CodeState.LIVE, CodeState.PAUSED, CodeState.CLEARED)


def sent_messages(store_id: int, name: str) -> sa.Select[Any]:
    """Select how many e-mails with an offer left, and how many of them came back, by run, arm and language."""
    came_back = sa.exists().where(
        mail_events.c.message_id == messages.c.id, mail_events.c.kind == MailEventKind.BOUNCED
    )
    group = (runs.c.id, *_OF_RUN, recipients.c.arm, recipients.c.language)
    count = sa.func.count().label("count")
    returned = sa.func.sum(sa.case((came_back, 1), else_=0)).label("returned")
    return (
        sa.select(*group[1:], count, returned)
        .select_from(messages)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .join(runs, runs.c.id == messages.c.run_id)
        .join(plans, plans.c.id == recipients.c.plan_id)
        .where(messages.c.store_id == store_id, runs.c.store_id == store_id, runs.c.campaign == name)
        .where(messages.c.kind == MessageKind.OFFER, messages.c.state == MessageState.SENT)
        .group_by(*group)
    )


def code_uses(store_id: int, name: str) -> sa.Select[Any]:
    """Select each order that used a code, for the run whose e-mail told the buyer of it; else for the one that made it."""
    holder, buyer = recipients.alias("holder"), recipients.alias("buyer")
    told = sa.func.coalesce(redemptions.c.told_run_id, redemptions.c.run_id)
    reader = sa.func.coalesce(holder.c.id, buyer.c.id)
    arm = sa.func.coalesce(holder.c.arm, sa.func.nullif(redemptions.c.told_arm, ""), codes.c.arm)
    return (
        sa.select(
            *_OF_RUN,
            arm.label("arm"),
            sa.func.coalesce(holder.c.language, buyer.c.language, "").label("language"),
            redemptions.c.order_total,
            redemptions.c.discount,
            redemptions.c.at,
            messages.c.sent_at,
            (customers.c.first_order_at >= orders.c.created_at).label("is_first"),
            _ordered_again().label("again"),
            orders.c.subtotal,
            _cost().label("cost"),
            _without_cost().label("without_cost"),
        )
        .select_from(redemptions)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(runs, runs.c.id == told)
        .outerjoin(plans, plans.c.id == runs.c.plan_id)
        .outerjoin(
            orders,
            sa.and_(orders.c.store_id == store_id, orders.c.order_id == redemptions.c.order_id),
        )
        .outerjoin(
            customers,
            sa.and_(customers.c.store_id == store_id, customers.c.customer_id == orders.c.customer_id),
        )
        .outerjoin(holder, holder.c.id == codes.c.recipient_id)
        .outerjoin(buyer, sa.and_(buyer.c.plan_id == plans.c.id, buyer.c.customer_id == orders.c.customer_id))
        .outerjoin(messages, sa.and_(messages.c.recipient_id == reader, messages.c.kind == MessageKind.OFFER))
        .where(redemptions.c.store_id == store_id, runs.c.campaign == name)
    )


def _ordered_again() -> sa.ColumnElement[bool]:
    """Return whether the customer of an order ordered once more after it."""
    later = orders.alias("later")
    return sa.exists().where(
        later.c.store_id == orders.c.store_id,
        later.c.customer_id == orders.c.customer_id,
        later.c.created_at > orders.c.created_at,
        later.c.payment_status.not_in(NO_SALE),
    )


def _cost() -> sa.ScalarSelect[Any]:
    """Return what the goods of an order cost the shop, as far as the catalogue knows."""
    each = sa.type_coerce(products.c.cost_price, sa.BigInteger)
    return _items(sa.type_coerce(sa.func.sum(order_items.c.quantity * each), Amount()))


def _without_cost() -> sa.ScalarSelect[Any]:
    """Return of how many lines of an order nobody knows what they cost."""
    return _items(sa.func.sum(sa.case((products.c.cost_price.is_(None), 1), else_=0)))


def _items(what: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    same = sa.and_(
        products.c.store_id == order_items.c.store_id, products.c.product_id == order_items.c.product_id
    )
    of_order = (order_items.c.store_id == orders.c.store_id, order_items.c.order_id == orders.c.order_id)
    query = sa.select(what).select_from(order_items).outerjoin(products, same).where(*of_order)
    return query.correlate(orders).scalar_subquery()


def unused_codes(store_id: int, name: str, now: datetime) -> sa.Select[Any]:
    """Select how many codes of each run expired unused, and how many can still be used, by arm, value and language.

    `basket` is what the plan's worst case allows for, as text. A code for everybody can be used again, whoever used it.
    """
    until = sa.func.coalesce(
        codes.c.valid_until, runs.c.extended_until, runs.c.valid_until, type_=UtcDateTime()
    )
    is_free = sa.or_(codes.c.recipient_id.is_(None), sa.not_(was_used()))
    is_live = sa.and_(codes.c.state == CodeState.LIVE, sa.or_(until.is_(None), until > now), is_free)
    is_wasted = sa.and_(until <= now, sa.not_(was_used()))
    group = (
        runs.c.id,
        *_OF_RUN,
        runs.c.step,
        plans.c.currency,
        codes.c.arm,
        codes.c.value,
        recipients.c.language,
    )
    return (
        sa.select(
            *group[1:],
            sa.func.max(plans.c.body["exposure"]["basket"].as_string()).label("basket"),
            sa.func.sum(sa.case((is_live, 1), else_=0)).label("live"),
            sa.func.sum(sa.case((is_wasted, 1), else_=0)).label("expired"),
        )
        .select_from(codes)
        .join(runs, runs.c.id == codes.c.run_id)
        .join(plans, plans.c.id == runs.c.plan_id)
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(runs.c.store_id == store_id, runs.c.campaign == name, codes.c.state.in_(_ISSUED))
        .group_by(*group)
    )


def begun_plans(store_id: int, name: str) -> sa.Select[Any]:
    """Select what the plans said whose runs have made codes or sent e-mails."""
    went = sa.or_(
        sa.exists().where(codes.c.run_id == runs.c.id), sa.exists().where(messages.c.run_id == runs.c.id)
    )
    return (
        sa.select(*_OF_RUN, plans.c.expected, plans.c.worst_case)
        .join(plans, plans.c.id == runs.c.plan_id)
        .where(runs.c.store_id == store_id, runs.c.campaign == name, went)
    )
