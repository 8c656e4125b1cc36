"""Count which other campaigns reach the same people: within a week, or with codes that are still valid.

People are counted while the audience is read, a piece at a time. An upcoming run is counted with the audience that
it would have at its slot.
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
from tillroll.campaign.frozen.overlap import Overlap, OverlapStage, largest_first
from tillroll.campaign.frozen.parts import Goods
from tillroll.campaign.language.models import Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import CodeState, MessageState, RunState
from tillroll.campaign.text.money import smallest_unit
from tillroll.campaign.timing.schedule import slots
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.given import works_until
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.tables import codes, messages, plans, recipients, runs
from tillroll.ledger.tables.types import UtcDateTime
from tillroll.plan.audience.query import AudienceRequest
from tillroll.plan.audience.reader import recipient_ids
from tillroll.plan.audience.subject import Subject
from tillroll.plan.due.pool import only_fills_pool
from tillroll.plan.goods.catalog import find_goods
from tillroll.plan.goods.same_goods import products_on, share_products
from tillroll.plan.overlap.repeats import count_common, count_repeats
from tillroll.plan.overlap.same_week import BEGAN, WEEK, WeekContacts, others_than
from tillroll.plan.record.revisions import without_broken
from tillroll.plan.verdicts.again import Repeats

_PIECE = 5_000
_REACHED = (MessageState.READY, MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)


@dataclass(kw_only=True)
class _Reached:
    """How many of the audience another campaign reaches at one stage, and its latest run that does."""

    people: int = 0
    run_id: int = 0


@dataclass(kw_only=True)
class OverlapCounter:
    """Counts the overlaps of a run with other campaigns: call `take` for each recipient, then `counted` once."""

    engine: Engine
    subject: Subject
    key: bytes  # of the splits (`plan.freeze.split_key`)
    today: datetime  # the real time: slots before it have become runs already
    _piece: list[int] = field(default_factory=list)
    _everyone: array[int] = field(default_factory=lambda: array("q"))
    _reached: dict[tuple[str, OverlapStage], _Reached] = field(default_factory=dict)
    _told: tuple[int, ...] | None = None  # runs whose codes another program sends; None: not read yet
    _due: list[tuple[Revision, datetime, int]] | None = None  # of upcoming runs; None: not counted yet

    def __post_init__(self) -> None:
        self._week = WeekContacts(subject=self.subject)

    def take(self, customer_id: int) -> None:
        """Count one more recipient; recipients must come in the order of their ids."""
        self._piece.append(customer_id)
        self._everyone.append(customer_id)
        if len(self._piece) >= _PIECE:
            self._count_piece()

    def counted(self, offer: Offer | None, goods: Goods | None) -> tuple[Overlap, ...]:
        """Return the overlaps, the largest first. `offer` and `goods` are this run's own, to tell whether goods are the same."""
        self._count_piece()
        with reading(self.engine) as connection:
            own = products_on(connection, self.subject.store.id, goods) if offer is not None else frozenset()
            overlaps = [*self._of_runs(connection, own), *self._of_due(connection, own)]
        return largest_first(overlaps)

    def repeats(self) -> Repeats:
        """Return how often the campaign itself writes to the audience; call it after the last `take`."""
        return count_repeats(self.engine, self.subject, self._everyone, key=self.key)

    def _count_piece(self) -> None:
        """Count which of the recipients taken so far are reached by existing runs."""
        if not self._piece:
            return
        with reading(self.engine) as connection:
            people: dict[tuple[str, OverlapStage], set[int]] = {}
            for contact in self._week.of(connection, self._piece):
                people.setdefault((contact.campaign, contact.standing), set()).add(contact.customer_id)
                self._add(contact.campaign, contact.standing, contact.run_id, 0)
            for (campaign, stage), customer_ids in people.items():
                self._add(campaign, stage, 0, len(customer_ids))
            if self._told is None:
                self._told = _runs_of_others(connection, self.subject)
            for row in connection.execute(_holders(self.subject, self._piece, self._told)):
                self._add(row.campaign, OverlapStage.HOLDS, row.run_id, row.people)
        self._piece = []

    def _add(self, campaign: str, stage: OverlapStage, run_id: int, people: int) -> None:
        reached = self._reached.setdefault((campaign, stage), _Reached())
        reached.people += people
        reached.run_id = max(reached.run_id, run_id)

    def _of_runs(self, connection: Connection, own: frozenset[int] | None) -> Iterator[Overlap]:
        """Yield the overlaps with runs that exist; `own` are the products that this run's offer applies to."""
        latest = [reached.run_id for reached in self._reached.values()]
        query = sa.select(runs.c.id, BEGAN.label("began"), plans.c.body).join(
            plans, plans.c.id == runs.c.plan_id
        )
        by_id = {row.id: row for row in connection.execute(query.where(runs.c.id.in_(latest)))}
        for (campaign, stage), reached in self._reached.items():
            row = by_id[reached.run_id]
            offer, goods = row.body["offer"], row.body.get("goods")
            theirs = products_on(connection, self.subject.store.id, Goods.from_json(goods) if goods else None)
            yield Overlap(
                campaign=campaign,
                standing=stage,
                people=reached.people,
                at=row.began.isoformat(),
                run_id=reached.run_id,
                offer=offer,
                same_goods=bool(offer) and share_products(own, theirs),
            )

    def count_due(self) -> Iterator[None]:
        """Count which of the audience upcoming runs will reach; yields after each campaign, as a chance to pause."""
        self._due = []
        subject = self.subject
        if subject.only is not None or not self._everyone:
            return  # the e-mail about one customer's event leaves at once, and later plans count it
        with reading(self.engine) as connection:
            coming = list(_coming(connection, subject, self.today))
        for revision, at in coming:
            unit = smallest_unit(subject.store.currency)
            request = AudienceRequest(
                store_id=subject.store.id, revision=revision, unit=unit, key=self.key, now=at
            )
            with reading(self.engine) as connection:
                people = count_common(self._everyone, recipient_ids(connection, request))
            if people:
                self._due.append((revision, at, people))
            yield

    def _of_due(self, connection: Connection, own: frozenset[int] | None) -> Iterator[Overlap]:
        """Yield the overlaps with scheduled runs within the week, and with runs that are still being planned."""
        for _ in self.count_due() if self._due is None else ():
            pass
        store = self.subject.store
        for revision, at, people in self._due or ():
            offer = revision.as_run(arm=revision.arms[0]).offer
            match = find_goods(self.engine, store.id, offer.applies_to if offer else None)
            theirs = products_on(connection, store.id, match.goods if match else None)
            yield Overlap(
                campaign=revision.name,
                standing=OverlapStage.DUE,
                people=people,
                at=at.isoformat(),
                offer=say_offer(offer, store.currency) if offer else "",
                same_goods=offer is not None and share_products(own, theirs),
            )


def _runs_of_others(connection: Connection, subject: Subject) -> tuple[int, ...]:
    """Return the runs whose codes another program was told of."""
    query = sa.select(runs.c.id).join(plans, plans.c.id == runs.c.plan_id)
    told = (
        others_than(subject),
        runs.c.state.in_((RunState.TRACKING, RunState.DONE)),
        plans.c.body["codes_sent_by"].as_string().is_not(None),
    )
    return tuple(connection.scalars(query.where(*told)))


def _holders(subject: Subject, people: list[int], told: tuple[int, ...]) -> sa.Select[Any]:
    """Select those of these people who hold another unused code that is still valid when this run begins.

    `told`: the runs whose codes another program sends. Those of other runs count once an e-mail has shown them.
    """
    of_e_mails = _unused(subject, people).join(messages, messages.c.recipient_id == recipients.c.id)
    of_e_mails = of_e_mails.join(codes, codes.c.id == messages.c.code_id).join(
        runs, runs.c.id == codes.c.run_id
    )
    of_e_mails = of_e_mails.where(messages.c.kind == "offer", messages.c.state.in_(_REACHED))
    of_others = _unused(subject, people).join(codes, codes.c.recipient_id == recipients.c.id)
    of_others = of_others.join(runs, runs.c.id == codes.c.run_id).where(runs.c.id.in_(told))
    holders = (sa.union_all(of_e_mails, of_others) if told else of_e_mails).subquery()
    people_count = sa.func.count(sa.distinct(holders.c.customer_id)).label("people")
    query = sa.select(holders.c.campaign, people_count, sa.func.max(holders.c.run_id).label("run_id"))
    return query.group_by(holders.c.campaign)


def _unused(subject: Subject, people: list[int]) -> sa.Select[Any]:
    """Select recipients among these people whose code works when this run begins; `codes` and `runs` are to be joined."""
    used = sa.and_(codes.c.recipient_id.is_not(None), was_used())
    return (
        sa.select(runs.c.campaign, recipients.c.customer_id, runs.c.id.label("run_id"))
        .select_from(recipients)
        .where(
            recipients.c.customer_id.in_(people),
            others_than(subject),
            codes.c.state == CodeState.LIVE,
            works_until() > subject.slot_at,
            ~used,
        )
    )


def _coming(connection: Connection, subject: Subject, today: datetime) -> Iterator[tuple[Revision, datetime]]:
    """Yield each campaign with a slot within the week: its first slot, or that of its run that has no plan yet."""
    own, store = subject.revision.name, subject.store
    begins, ends = max(today, subject.slot_at - WEEK), subject.slot_at + WEEK
    query = (
        sa.select(runs.c.campaign, sa.func.min(runs.c.slot_at, type_=UtcDateTime()).label("at"))
        .where(runs.c.store_id == store.id, runs.c.state == RunState.PLANNING, runs.c.entry_id.is_(None))
        .where(subject.slot_at - WEEK < runs.c.slot_at, runs.c.slot_at < ends)
        .group_by(runs.c.campaign)
    )
    planning = {row.campaign: row.at for row in connection.execute(query)}
    for active in without_broken(connection, store.id):
        when = active.revision.campaign.when
        if active.name == own or when.on is not None or only_fills_pool(active.revision.campaign):
            continue
        zone, first = when.zone(store.timezone), active.record.first_seen_at
        to_come = slots(when, zone=zone, first_seen=first, after=begins, until=ends)
        at = planning.get(active.name) or next((slot.at for slot in to_come), None)
        if at is not None:
            yield active.revision, at
