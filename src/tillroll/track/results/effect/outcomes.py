"""What the people of a campaign ordered: those it wrote to, and its control group, from their first run on.

Somebody's time begins with the first run that they were drawn for, and is as long as the offer can be used, the waits between the
campaign's steps, and a week more. All their orders of that time count, with the code or without. Only people whose time is over
are compared: so everybody has had as long as everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.models import Campaign, Status
from tillroll.campaign.states import NO_SALE, RunState
from tillroll.campaign.timing.window import window_of
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import held_back, orders, plans, recipients, runs
from tillroll.track.results.effect.estimate import Effect, GroupOutcome, effect_of

_BEGUN = (RunState.SENDING, RunState.TRACKING, RunState.DONE)


@dataclass(frozen=True, kw_only=True)
class CampaignEffect:
    """What a campaign changed, and when there is more to say."""

    effect: Effect
    window: timedelta  # how long each person's orders count
    waiting: int  # people of both groups whose time isn't over
    first_over_at: datetime | None  # when the first of them has had their time; none: nobody waits


def campaign_effect(
    connection: Connection, *, store_id: int, campaign: Campaign, name: str, now: datetime
) -> CampaignEffect:
    """Compare those whom a campaign wrote to with its control group. Reads all its recipients, so it isn't for a page."""
    of_campaign = (*_of(store_id, name), runs.c.step == 1)
    return _compare(
        connection,
        store_id,
        ours=_people(recipients, of_campaign),
        theirs=_people(held_back, (*of_campaign, held_back.c.everywhere.is_(sa.false()))),
        window=window_of(campaign, _longest_validity(connection, store_id, name)),
        now=now,
        goes_on=_goes_on(campaign),
    )


def store_effect(
    connection: Connection, *, store_id: int, holdout: StoreHoldout, now: datetime
) -> CampaignEffect:
    """Compare those whom any campaign wrote to with the control group of all campaigns, each since their first run.

    Somebody who was held back at first and written to later counts as held back.
    """
    since = datetime.combine(holdout.since, time(), UTC)
    counting = (
        runs.c.store_id == store_id,
        runs.c.state.in_(_BEGUN),
        runs.c.campaign.not_in(holdout.exempt),
        plans.c.made_at >= since,
    )
    theirs = _people(held_back, (*counting, held_back.c.everywhere.is_(sa.true())))
    ours = _people(recipients, counting)
    held = sa.select(theirs.subquery().c.customer_id)
    return _compare(
        connection,
        store_id,
        ours=ours.where(recipients.c.customer_id.not_in(held)),
        theirs=theirs,
        window=holdout.orders_within,
        now=now,
        goes_on=True,
    )


def _compare(
    connection: Connection,
    store_id: int,
    *,
    ours: sa.Select[Any],
    theirs: sa.Select[Any],
    window: timedelta,
    now: datetime,
    goes_on: bool,
) -> CampaignEffect:
    """Compare two groups of people, those who had their time. Who is in both counts among `ours`."""
    over_from = now - window
    control = theirs.where(held_back.c.customer_id.not_in(sa.select(ours.subquery().c.customer_id)))
    held = connection.scalar(sa.select(sa.func.count()).select_from(control.subquery())) or 0
    if not held:  # then there is nothing to compare, and no need to read everybody
        nobody = GroupOutcome(people=0, buyers=0)
        effect = effect_of(nobody, nobody, held_back=0, is_final=False)
        return CampaignEffect(effect=effect, window=window, waiting=0, first_over_at=None)
    waiting, first = 0, None
    for people in (ours, control):
        drawn = people.subquery()
        query = sa.select(sa.func.count(), sa.func.min(drawn.c.since)).where(drawn.c.since > over_from)
        count, since = connection.execute(query).one()
        waiting += count
        first = min((moment for moment in (first, since) if moment is not None), default=None)
    effect = effect_of(
        _outcome(connection, ours, store_id, over_from, window),
        _outcome(connection, control, store_id, over_from, window),
        held_back=int(held),
        is_final=not waiting and not goes_on,
    )
    return CampaignEffect(
        effect=effect,
        window=window,
        waiting=waiting,
        first_over_at=first + window if first is not None else None,
    )


def _goes_on(campaign: Campaign) -> bool:
    """Return whether more people will join by themselves, so that the figures are looked at again and again."""
    return campaign.status is Status.ACTIVE and campaign.when.at is None and not campaign.when.manual


def _longest_validity(connection: Connection, store_id: int, name: str) -> timedelta | None:
    """Return how long the codes of a campaign's scheduled runs worked at most; none: it has none, or they don't end."""
    query = sa.select(runs.c.valid_from, runs.c.valid_until, runs.c.extended_until).where(
        *_of(store_id, name), runs.c.step == 1, runs.c.entry_id.is_(None), runs.c.valid_until.is_not(None)
    )
    lengths = [
        (row.extended_until or row.valid_until) - row.valid_from
        for row in connection.execute(query)
        if row.valid_from is not None
    ]
    return max(lengths, default=None)


def _of(store_id: int, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return runs.c.store_id == store_id, runs.c.campaign == name, runs.c.state.in_(_BEGUN)


def _people(table: sa.Table, where: tuple[sa.ColumnElement[bool], ...]) -> sa.Select[Any]:
    """Select the people of some runs with the beginning of their time. A later step belongs to the same time."""
    since = sa.func.min(sa.func.coalesce(runs.c.valid_from, plans.c.made_at), type_=runs.c.valid_from.type)
    return (
        sa.select(table.c.customer_id, since.label("since"))
        .join(plans, plans.c.id == table.c.plan_id)
        .join(runs, runs.c.plan_id == plans.c.id)
        .where(*where)
        .group_by(table.c.customer_id)
    )


def _outcome(
    connection: Connection, people: sa.Select[Any], store_id: int, over_from: datetime, window: timedelta
) -> GroupOutcome:
    """Return what the people did whose time began at `over_from` or before."""
    drawn = people.subquery()
    is_over = drawn.c.since <= over_from
    count = connection.scalar(sa.select(sa.func.count()).where(is_over)) or 0
    buyers, revenue, squares = 0, Decimal(0), Decimal(0)
    for spent in _spent(connection, drawn, is_over, store_id, window):
        buyers, revenue, squares = buyers + 1, revenue + spent, squares + spent * spent
    return GroupOutcome(people=int(count), buyers=buyers, revenue=revenue, squares=squares)


def _spent(
    connection: Connection,
    drawn: sa.Subquery,
    is_over: sa.ColumnElement[bool],
    store_id: int,
    window: timedelta,
) -> Iterator[Decimal]:
    """Yield what each person ordered in their time, if they ordered anything; one person after the other."""
    query = (
        sa.select(drawn.c.customer_id, drawn.c.since, orders.c.created_at, orders.c.total)
        .join(orders, sa.and_(orders.c.store_id == store_id, orders.c.customer_id == drawn.c.customer_id))
        .where(is_over, orders.c.created_at >= drawn.c.since, orders.c.payment_status.not_in(NO_SALE))
        .order_by(drawn.c.customer_id)
    )
    with streaming(connection, query) as rows:
        for _, theirs in groupby(rows, key=attrgetter("customer_id")):
            totals = [row.total for row in theirs if row.created_at < row.since + window]
            if totals:
                yield sum(totals, Decimal(0))
