"""Which other campaigns reach the same people: in the same week, or with codes that still work.

It is counted as the audience is read, a piece at a time. What is to come is worked out as it would be planned at its slot.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.crossing import Crossing, Standing, in_order
from tillroll.campaign.frozen.parts import Goods
from tillroll.campaign.language.models import Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.campaign.timing.schedule import slots
from tillroll.ledger.engine import reading
from tillroll.ledger.given import works_until
from tillroll.ledger.tables import codes, messages, plans, recipients, redemptions, runs
from tillroll.ledger.types import Moment
from tillroll.plan.audience import Asked
from tillroll.plan.catalog import find_goods
from tillroll.plan.chosen import whom_it_reaches
from tillroll.plan.crossing.same_goods import products_on, share_products
from tillroll.plan.crossing.same_week import BEGAN, WEEK, SameWeek, others_than
from tillroll.plan.pool import only_fills_pool
from tillroll.plan.record import active_campaigns
from tillroll.plan.subject import Subject

_PIECE = 5_000
_REACHED = (MessageState.READY, MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)


@dataclass(kw_only=True)
class _Met:
    """How many of the audience another campaign reaches in one way, and its latest run that does."""

    people: int = 0
    run_id: int = 0


@dataclass(kw_only=True)
class Crossings:
    """Counts whom else the audience hears from; it is given the recipients as they are read, then asked once."""

    engine: Engine
    subject: Subject
    key: bytes  # of the splits
    today: datetime  # what is due before now has become a run already
    _piece: list[int] = field(default_factory=list)
    _everyone: array[int] = field(default_factory=lambda: array("q"))
    _met: dict[tuple[str, Standing], _Met] = field(default_factory=dict)
    _due: list[tuple[Revision, datetime, int]] | None = None  # None: not counted yet

    def __post_init__(self) -> None:
        self._week = SameWeek(subject=self.subject)

    def take(self, customer_id: int) -> None:
        """One more recipient; they come in the order of their ids."""
        self._piece.append(customer_id)
        self._everyone.append(customer_id)
        if len(self._piece) >= _PIECE:
            self._look()

    def found(self, offer: Offer | None, goods: Goods | None) -> tuple[Crossing, ...]:
        """Every campaign that meets the audience, what meets most of it first; `goods` are what this offer is on."""
        self._look()
        with reading(self.engine) as connection:
            mine = products_on(connection, self.subject.store.id, goods) if offer is not None else frozenset()
            every = [*self._of_runs(connection, mine), *self._of_due(connection, mine)]
        return in_order(every)

    def _look(self) -> None:
        if not self._piece:
            return
        with reading(self.engine) as connection:
            met: dict[tuple[str, Standing], set[int]] = {}
            for one in self._week.of(connection, self._piece):
                met.setdefault((one.campaign, one.standing), set()).add(one.customer_id)
                self._note(one.campaign, one.standing, one.run_id, 0)
            for (campaign, standing), people in met.items():
                self._note(campaign, standing, 0, len(people))
            for row in connection.execute(_holders(self.subject, self._piece)):
                self._note(row.campaign, Standing.HOLDS, row.run_id, row.people)
        self._piece = []

    def _note(self, campaign: str, standing: Standing, run_id: int, people: int) -> None:
        met = self._met.setdefault((campaign, standing), _Met())
        met.people += people
        met.run_id = max(met.run_id, run_id)

    def _of_runs(self, connection: Connection, mine: frozenset[int] | None) -> Iterator[Crossing]:
        latest = [one.run_id for one in self._met.values()]
        query = sa.select(runs.c.id, BEGAN.label("began"), plans.c.body).join(
            plans, plans.c.id == runs.c.plan_id
        )
        told = {row.id: row for row in connection.execute(query.where(runs.c.id.in_(latest)))}
        for (campaign, standing), met in self._met.items():
            row = told[met.run_id]
            offer, goods = row.body["offer"], row.body.get("goods")
            theirs = products_on(connection, self.subject.store.id, Goods.from_json(goods) if goods else None)
            yield Crossing(
                campaign=campaign,
                standing=standing,
                people=met.people,
                at=row.began.isoformat(),
                run_id=met.run_id,
                offer=offer,
                same_goods=bool(offer) and share_products(mine, theirs),
            )

    def count_due(self) -> Iterator[None]:
        """Count whom of the audience other campaigns will reach; yields after each of them, so that it may wait in between."""
        self._due = []
        subject = self.subject
        if subject.only is not None or not self._everyone:
            return  # a run about one customer's event leaves at once: what comes later sees it
        with reading(self.engine) as connection:
            coming = list(_coming(connection, subject, self.today))
        for revision, at in coming:
            asked = Asked(store_id=subject.store.id, revision=revision, key=self.key, now=at)
            with reading(self.engine) as connection:
                people = in_both(self._everyone, whom_it_reaches(connection, asked))
            if people:
                self._due.append((revision, at, people))
            yield

    def _of_due(self, connection: Connection, mine: frozenset[int] | None) -> Iterator[Crossing]:
        """What schedules bring within the week, and runs that are still being planned."""
        for _ in self.count_due() if self._due is None else ():
            pass
        store = self.subject.store
        for revision, at, people in self._due or ():
            offer = revision.as_run(arm=revision.arms[0]).offer
            named = find_goods(self.engine, store.id, offer.applies_to if offer else None)
            on = products_on(connection, store.id, named.goods if named else None)
            yield Crossing(
                campaign=revision.name,
                standing=Standing.DUE,
                people=people,
                at=at.isoformat(),
                offer=say_offer(offer, store.currency) if offer else "",
                same_goods=offer is not None and share_products(mine, on),
            )


def _holders(subject: Subject, people: list[int]) -> sa.Select[Any]:
    """Who of these people has another code that still works when this run begins, and hasn't used it."""
    used = sa.exists().where(redemptions.c.code_id == codes.c.id, codes.c.recipient_id.is_not(None))
    met = (
        sa.select(runs.c.campaign, recipients.c.customer_id, runs.c.id.label("run_id"))
        .select_from(recipients)
        .join(messages, messages.c.recipient_id == recipients.c.id)
        .join(codes, codes.c.id == messages.c.code_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .where(
            recipients.c.customer_id.in_(people),
            others_than(subject),
            messages.c.kind == "offer",
            messages.c.state.in_(_REACHED),
            codes.c.state == CodeState.LIVE,
            works_until() > subject.slot_at,
            ~used,
        )
        .subquery()
    )
    return _by_campaign(met)


def _by_campaign(met: sa.Subquery, *also: sa.ColumnElement[Any]) -> sa.Select[Any]:
    people = sa.func.count(sa.distinct(met.c.customer_id)).label("people")
    query = sa.select(met.c.campaign, people, sa.func.max(met.c.run_id).label("run_id"), *also)
    return query.group_by(met.c.campaign, *also)


def _coming(connection: Connection, subject: Subject, today: datetime) -> Iterator[tuple[Revision, datetime]]:
    """Campaigns with a slot within the week, each with its first one; runs that have no plan yet are at theirs."""
    own, store = subject.revision.name, subject.store
    begins, ends = max(today, subject.slot_at - WEEK), subject.slot_at + WEEK
    query = (
        sa.select(runs.c.campaign, sa.func.min(runs.c.slot_at, type_=Moment()).label("at"))
        .where(runs.c.store_id == store.id, runs.c.state == RunState.PLANNING, runs.c.entry_id.is_(None))
        .where(subject.slot_at - WEEK < runs.c.slot_at, runs.c.slot_at < ends)
        .group_by(runs.c.campaign)
    )
    planning = {row.campaign: row.at for row in connection.execute(query)}
    for one in active_campaigns(connection, store.id):
        when = one.revision.campaign.when
        if one.name == own or when.on is not None or only_fills_pool(one.revision.campaign):
            continue
        zone, first = when.zone(store.timezone), one.row.first_seen_at
        to_come = slots(when, zone=zone, first_seen=first, after=begins, until=ends)
        at = planning.get(one.name) or next((slot.at for slot in to_come), None)
        if at is not None:
            yield one.revision, at


def in_both(mine: array[int], theirs: Iterator[int]) -> int:
    """How many ids two rising sequences share."""
    count = index = 0
    for one in theirs:
        while index < len(mine) and mine[index] < one:
            index += 1
        if index == len(mine):
            break
        count += mine[index] == one
    return count
