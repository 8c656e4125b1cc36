"""The exposure of a store's runs: what they may cost already. Plans and approvals are checked against the same sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import RUN_HOLDS_MONEY, CodeState, MessageState, RunState
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.queries.predicates import is_under_change
from tillroll.ledger.tables import (
    approvals,
    codes,
    messages,
    plans,
    recipients,
    runs,
    stores,
)
from tillroll.ledger.tables.types import UtcDateTime

_WENT = (*RUN_HOLDS_MONEY, RunState.DONE, RunState.HALTED)
_MAY_HAVE_LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)
_THEIRS, _SENT = recipients.alias("theirs"), messages.alias("sent")
LEFT_AT = sa.func.coalesce(_SENT.c.sent_at, _SENT.c.sending_at, type_=UtcDateTime())
"""When an e-mail left, or may have left."""
WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Holding:
    """The exposure and the codes that runs of a store hold."""

    live: Decimal  # worst cases of live runs
    campaign: Decimal  # those of them that are one campaign's
    month: Decimal  # worst cases of the runs that were approved in this calendar month
    codes_today: int  # codes of the runs that were approved today; both by the store's own date
    codes: int  # codes of live runs: so many of the store's can work, and no more


def held_by_runs(connection: Connection, *, store_id: int, campaign: str, now: datetime) -> Holding:
    """Return what the store's runs hold. A halted run counts while any of its codes works."""
    zone = zone_of(connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one())
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    live = holds_money(now)
    of_store = sa.select(sa.func.sum(plans.c.worst_case)).join(runs, runs.c.plan_id == plans.c.id)
    codes_of = sa.select(sa.func.sum(plans.c.code_count)).join(runs, runs.c.plan_id == plans.c.id)
    total = of_store.where(runs.c.store_id == store_id, live)
    return Holding(
        live=connection.scalar(total) or Decimal(0),
        campaign=connection.scalar(total.where(runs.c.campaign == campaign)) or Decimal(0),
        month=connection.scalar(of_store.where(*_approved_since(store_id, today.replace(day=1))))
        or Decimal(0),
        codes_today=int(connection.scalar(codes_of.where(*_approved_since(store_id, today))) or 0),
        codes=int(connection.scalar(codes_of.where(runs.c.store_id == store_id, live)) or 0),
    )


def holds_money(now: datetime) -> sa.ColumnElement[bool]:
    """Return whether a run's worst case counts, as a condition over `runs`."""
    until = sa.func.coalesce(runs.c.extended_until, runs.c.valid_until, type_=UtcDateTime())
    works = sa.exists().where(
        codes.c.run_id == runs.c.id,
        sa.or_(
            codes.c.state.in_((CodeState.LIVE, CodeState.POSTING)),
            sa.and_(codes.c.state.in_((CodeState.PAUSED, CodeState.REVOKED)), is_under_change()),
        ),
    )
    halted = sa.and_(runs.c.state == RunState.HALTED, until > now, works)
    return sa.or_(runs.c.state.in_(tuple(RUN_HOLDS_MONEY)), halted)


def _approved_since(store_id: int, start: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    agreed = sa.exists().where(
        approvals.c.plan_id == plans.c.id, approvals.c.decision == "approve", approvals.c.at >= start
    )
    return runs.c.store_id == store_id, runs.c.state.in_(_WENT), agreed


def count_codes_like(connection: Connection, *, store_id: int, prefix: str, length: int) -> int:
    """Count the store's codes with a prefix and a length, in any state."""
    last = (
        prefix + "Z" * length
    )  # nothing with that prefix sorts after it, so the index is read for these codes only
    of_form = (codes.c.code >= prefix, codes.c.code <= last, codes.c.code.startswith(prefix))
    query = sa.select(sa.func.count()).where(codes.c.store_id == store_id, *of_form)
    return int(connection.scalar(query.where(sa.func.length(codes.c.code) == length)) or 0)


def left_lately(
    what: sa.ColumnElement[Any],
    *,
    store_id: int,
    customer: sa.ColumnElement[int],
    now: datetime,
    within: timedelta = WEEK,
) -> sa.ScalarSelect[Any]:
    """Return a subquery: `what`, an aggregate of `LEFT_AT` such as a count, over a customer's e-mails of the last 7 days.

    An e-mail of any campaign counts, also one that may have left. `customer` is a column of the enclosing query.
    """
    return (
        sa.select(what)
        .select_from(_THEIRS)
        .join(_SENT, _SENT.c.recipient_id == _THEIRS.c.id)
        .where(
            _THEIRS.c.customer_id == customer,
            _SENT.c.store_id == store_id,
            _SENT.c.state.in_(_MAY_HAVE_LEFT),
            now - within < LEFT_AT,
        )
        .scalar_subquery()
    )
