"""What the ledger knows of the days to come: each campaign with its people, what a run costs, how often events happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Book, Revision
from tillroll.campaign.frozen.proposal import Level
from tillroll.campaign.language.models import Send, Valid
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.timing.schedule import describe
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import campaigns
from tillroll.plan.audience import Selection
from tillroll.plan.calendar.audiences import MOST_LOOKED_AT, look_at_all
from tillroll.plan.calendar.coming import Awaited, Money, Scheduled
from tillroll.plan.calendar.forecast import say_asleep
from tillroll.plan.events.usual import usual_number
from tillroll.plan.figures import figures_by_arm
from tillroll.plan.pool import only_fills_pool
from tillroll.plan.propose import costs
from tillroll.plan.segments.answerable import unanswered
from tillroll.plan.subject import Subject
from tillroll.plan.verdicts import verdicts


@dataclass(frozen=True, kw_only=True)
class Upcoming:
    """Everything a forecast is made from."""

    scheduled: tuple[Scheduled, ...]
    awaited: tuple[Awaited, ...]
    asides: Mapping[str, str]  # campaigns that neither the clock nor an event sets off, and why
    overlaps: Mapping[frozenset[str], int]  # how many people are in exactly these campaigns' audiences
    one_in: int  # of so many customers one was looked at; 1: all of them
    limit: int | None  # e-mails a person a week, by the guardrails


def upcoming(
    engine: Engine, *, store: sa.Row[Any], book: Book, now: datetime, most: int = MOST_LOOKED_AT
) -> Upcoming:
    """Read what a forecast of the campaigns in the files is made from. Writes nothing."""
    revisions = [book.revisions[name] for name in sorted(book.revisions)]
    with reading(engine) as connection:
        query = sa.select(campaigns).where(campaigns.c.store_id == store.id)
        rows = {row.name: row for row in connection.execute(query)}
        audiences, overlaps, one_in = look_at_all(connection, store, revisions, now, most)
    scheduled, awaited = [], []
    asides = dict.fromkeys(book.faulty, "its files have faults; run tillroll check")
    for revision in revisions:
        audience, campaign = audiences.get(revision.name), revision.campaign
        one = _Known(
            engine=engine,
            store=store,
            revision=revision,
            selection=audience.selection if audience is not None else Selection(),
            row=rows.get(revision.name),
            now=now,
        )
        if campaign.when.on is None and not only_fills_pool(campaign):
            scheduled.append(one.scheduled())
        elif asleep := say_asleep(campaign.status, one.halted_by):
            asides[revision.name] = asleep
        elif campaign.when.on is not None:
            awaited.append(one.awaited())
        else:
            asides[revision.name] = "no e-mails: it fills its pool whenever codes run low"
    return Upcoming(
        scheduled=tuple(scheduled),
        awaited=tuple(awaited),
        asides=asides,
        overlaps=overlaps,
        one_in=one_in,
        limit=next((one.guardrails.messages_per_person_per_week for one in revisions), None),
    )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """One campaign, with the people it would reach now and its row in the ledger."""

    engine: Engine
    store: sa.Row[Any]
    revision: Revision
    selection: Selection
    row: sa.Row[Any] | None  # None: the loop hasn't seen it yet
    now: datetime

    @property
    def halted_by(self) -> str:
        """Who halted it; empty while nobody has."""
        return "" if self.row is None or self.row.halted_at is None else str(self.row.halted_by)

    def scheduled(self) -> Scheduled:
        """A campaign by the clock: each run is for its whole audience."""
        revision, campaign, selection, row = self.revision, self.revision.campaign, self.selection, self.row
        message, offer = revision.as_run(arm=revision.arms[0]).message, campaign.offer
        reminder = message.reminder if message is not None else None
        if campaign.who.limit is not None:
            selection.count = min(campaign.who.limit, selection.count)
        valid: Valid | None = offer.valid if offer is not None else None
        money = self._money(selection, 1)
        return Scheduled(
            name=revision.name,
            title=campaign.title,
            status=campaign.status,
            when=campaign.when,
            zone=campaign.when.zone(self.store.timezone),
            calendar=revision.calendar,
            send=message.send if message is not None else Send(),
            first_seen=row.first_seen_at if row is not None else self.now,
            considered_until=row.considered_until if row is not None else self.now,
            gives=self._gives(1),
            people=selection.count,
            money=money,
            refused=_refused(revision, selection.count, money),
            valid=valid,
            reminder=reminder.before_expiry if reminder is not None else None,
            halted_by=self.halted_by,
            untold=unanswered(self.engine, self.store, revision, self.now),
        )

    def awaited(self) -> Awaited:
        """What an event sets off: each time for one customer, or, where it happens to a product, for the whole audience."""
        revision, campaign = self.revision, self.revision.campaign
        event = campaign.when.on
        assert event is not None  # noqa: S101 - only such campaigns are looked at
        steps = range(1, max(1, len(campaign.steps)) + 1)
        each = (
            self._money(self.selection, step) if event.about_product else self._money_of_one(step)
            for step in steps
        )
        usual = usual_number(self.engine, store=self.store, revision=revision, row=self.row, now=self.now)
        gives = dict.fromkeys(said for step in steps if (said := self._gives(step)))
        return Awaited(
            name=revision.name,
            title=campaign.title,
            waits_for=describe(campaign.when, campaign.when.zone(self.store.timezone)),
            gives=", then ".join(gives),
            a_day=usual.a_day,
            basis=usual.basis,
            people=self.selection.count if event.about_product else 1,
            emails=len(steps),
            money=sum(each, Money()),
        )

    def _gives(self, step: int) -> str:
        """What one step offers, each arm's once."""
        offers = [self.revision.as_run(step=step, arm=arm).offer for arm in self.revision.arms]
        said = (say_offer(one, self.store.currency) for one in offers if one is not None)
        return ", or ".join(dict.fromkeys(said))

    def _money(self, selection: Selection, step: int) -> Money:
        """What one run of a step costs, as a plan reckons it. What comes out of a pool was counted when it was filled."""
        if not selection.count:
            return Money()
        subject = Subject(
            run_id=0,
            slot_key="calendar",
            slot_at=self.now,
            store=self.store,
            revision_id=0,
            revision=self.revision,
            step=step,
        )
        figures = figures_by_arm(self.engine, subject, subject.offers, selection, now=self.now)
        worst, likely = costs(subject, subject.offers, figures)
        return Money(worst=worst.amount, expected=likely.likely)

    def _money_of_one(self, step: int) -> Money:
        """What one customer's step costs, whoever it will be: in the dearest arm, at its largest value."""
        found = []
        for arm in self.revision.arms:
            offer = self.revision.as_run(step=step, arm=arm).offer
            one = replace(self.selection, count=1, arms=Counter({arm: 1}), values={})
            if offer is not None:
                one.values[arm] = offer.largest_value
            found.append(self._money(one, step))
        unbounded = any(one.worst is None for one in found)
        likely = [one.expected for one in found if one.expected is not None]
        return Money(
            worst=None if unbounded else max(one.worst for one in found if one.worst is not None),
            expected=max(likely) if len(likely) == len(found) else None,
        )


def _refused(revision: Revision, people: int, money: Money) -> str:
    """What the guardrails would say against a run's plan, as far as its own size and offers tell."""
    campaign, shared = revision.campaign, revision.campaign.codes.shared is not None
    makes = campaign.offer is not None and campaign.codes.pool is None
    offers = [revision.as_run(arm=arm).offer for arm in revision.arms]
    found = verdicts(
        campaign=campaign,
        guardrails=revision.guardrails,
        code_format=revision.format_of(campaign),
        codes=min(1, people) if makes and shared else people if makes else 0,
        worst=money.worst,
        offers=[one for one in offers if one is not None],
    )
    return "; ".join(one.text for one in found if one.level is Level.REFUSE)
