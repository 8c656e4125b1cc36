"""Read what a forecast needs from the ledger: each campaign's audience, what a run costs, how often its event happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Book, Revision
from tillroll.campaign.frozen.proposal import VerdictLevel
from tillroll.campaign.language.models import Send, Valid
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.timing.schedule import describe
from tillroll.flows.frequency import usual_number
from tillroll.ledger.engine import reading
from tillroll.ledger.records import CampaignRecord, Store
from tillroll.ledger.tables import campaigns
from tillroll.outlook.audiences import MOST_CUSTOMERS, read_audiences
from tillroll.outlook.coming import AwaitedCampaign, CostRange, ScheduledCampaign
from tillroll.outlook.forecast import why_asleep
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject
from tillroll.plan.due.pool import only_fills_pool
from tillroll.plan.history import figures_by_arm
from tillroll.plan.propose import sum_costs
from tillroll.plan.segments.answerable import reason_unanswered
from tillroll.plan.verdicts import verdicts


@dataclass(frozen=True, kw_only=True)
class ForecastInput:
    """Everything that a forecast is made from."""

    scheduled: tuple[ScheduledCampaign, ...]
    awaited: tuple[AwaitedCampaign, ...]
    asides: Mapping[str, str]  # campaigns that neither a schedule nor an event starts, and why
    overlaps: Mapping[frozenset[str], int]  # how many people are in exactly these campaigns' audiences
    one_in: int  # one in so many customers was read; 1: all of them
    limit: int | None  # how many e-mails a week the guardrails allow one person


def read_forecast_input(
    engine: Engine, *, store: Store, book: Book, now: datetime, most: int = MOST_CUSTOMERS
) -> ForecastInput:
    """Read what a forecast of the campaigns in the files is made from. Writes nothing."""
    revisions = [book.revisions[name] for name in sorted(book.revisions)]
    with reading(engine) as connection:
        query = sa.select(campaigns).where(campaigns.c.store_id == store.id)
        records = {row.name: CampaignRecord.from_row(row) for row in connection.execute(query)}
        audiences, overlaps, one_in = read_audiences(connection, store, revisions, now, most)
    scheduled, awaited = [], []
    asides = dict.fromkeys(book.faulty, "its files have faults; run tillroll check")
    for revision in revisions:
        audience, campaign = audiences.get(revision.name), revision.campaign
        reader = _CampaignReader(
            engine=engine,
            store=store,
            revision=revision,
            selection=audience.selection if audience is not None else Selection(),
            record=records.get(revision.name),
            now=now,
        )
        if campaign.when.on is None and not only_fills_pool(campaign):
            scheduled.append(reader.scheduled())
        elif asleep := why_asleep(campaign.status, reader.halted_by):
            asides[revision.name] = asleep
        elif campaign.when.on is not None:
            awaited.append(reader.awaited())
        else:
            asides[revision.name] = "no e-mails: it refills its pool when codes run low"
    return ForecastInput(
        scheduled=tuple(scheduled),
        awaited=tuple(awaited),
        asides=asides,
        overlaps=overlaps,
        one_in=one_in,
        limit=next((revision.guardrails.messages_per_person_per_week for revision in revisions), None),
    )


@dataclass(frozen=True, kw_only=True)
class _CampaignReader:
    """Reads one campaign, given the people whom it would reach now and its record in the ledger."""

    engine: Engine
    store: Store
    revision: Revision
    selection: Selection
    record: CampaignRecord | None  # None: the worker has not seen it yet
    now: datetime

    @property
    def halted_by(self) -> str:
        """The person who halted it; empty: nobody has."""
        return "" if self.record is None or self.record.halted_at is None else self.record.halted_by

    def scheduled(self) -> ScheduledCampaign:
        """Return a campaign with a schedule: each run is for its whole audience."""
        revision, campaign, selection = self.revision, self.revision.campaign, self.selection
        record = self.record
        message, offer = revision.as_run(arm=revision.arms[0]).message, campaign.offer
        reminder = message.reminder if message is not None else None
        if campaign.who.limit is not None:
            selection.count = min(campaign.who.limit, selection.count)
        valid: Valid | None = offer.valid if offer is not None else None
        money = self._money(selection, 1)
        return ScheduledCampaign(
            name=revision.name,
            title=campaign.title,
            status=campaign.status,
            when=campaign.when,
            zone=campaign.when.zone(self.store.timezone),
            calendar=revision.calendar,
            send=message.send if message is not None else Send(),
            first_seen=record.first_seen_at if record is not None else self.now,
            considered_until=record.considered_until if record is not None else self.now,
            gives=self._gives(1),
            people=selection.count,
            money=money,
            refused=_refused(revision, selection.count, money),
            valid=valid,
            reminder=reminder.before_expiry if reminder is not None else None,
            halted_by=self.halted_by,
            reason_unknown=reason_unanswered(self.engine, self.store, revision, self.now),
            who=campaign.who,
            segments=revision.segments,
        )

    def awaited(self) -> AwaitedCampaign:
        """Return a campaign of events: each is for one customer, or, if it happens to a product, for the whole audience."""
        revision, campaign = self.revision, self.revision.campaign
        event = campaign.when.on
        assert event is not None  # noqa: S101 - only campaigns that wait for an event come here
        steps = range(1, max(1, len(campaign.steps)) + 1)
        costs = (
            self._money(self.selection, step) if event.about_product else self._money_of_one(step)
            for step in steps
        )
        usual = usual_number(
            self.engine, store=self.store, revision=revision, record=self.record, now=self.now
        )
        gives = dict.fromkeys(offer for step in steps if (offer := self._gives(step)))
        return AwaitedCampaign(
            name=revision.name,
            title=campaign.title,
            waits_for=describe(campaign.when, campaign.when.zone(self.store.timezone), self.store.currency),
            gives=", then ".join(gives),
            a_day=usual.a_day,
            basis=usual.basis,
            people=self.selection.count if event.about_product else 1,
            emails=len(steps),
            money=sum(costs, CostRange()),
        )

    def _gives(self, step: int) -> str:
        """Return what one step offers; of arms with different offers, each once."""
        offers = [self.revision.as_run(step=step, arm=arm).offer for arm in self.revision.arms]
        phrases = (say_offer(offer, self.store.currency) for offer in offers if offer is not None)
        return ", or ".join(dict.fromkeys(phrases))

    def _money(self, selection: Selection, step: int) -> CostRange:
        """Return what one run of a step costs, as its plan would say. Codes from a pool were counted when it was filled."""
        if not selection.count:
            return CostRange()
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
        worst, likely = sum_costs(subject, subject.offers, figures)
        return CostRange(worst=worst.amount, expected=likely.likely)

    def _money_of_one(self, step: int) -> CostRange:
        """Return what a step costs at most for one customer: in the most expensive arm, at its largest value."""
        costs = []
        for arm in self.revision.arms:
            offer = self.revision.as_run(step=step, arm=arm).offer
            selection = replace(self.selection, count=1, arms=Counter({arm: 1}), values={})
            if offer is not None:
                selection.values[arm] = offer.largest_off
            costs.append(self._money(selection, step))
        is_unlimited = any(cost.worst is None for cost in costs)
        likely = [cost.expected for cost in costs if cost.expected is not None]
        return CostRange(
            worst=None if is_unlimited else max(cost.worst for cost in costs if cost.worst is not None),
            expected=max(likely) if len(likely) == len(costs) else None,
        )


def _refused(revision: Revision, people: int, money: CostRange) -> str:
    """Return why the guardrails would refuse a run's plan, as far as its size and offers tell; empty if they would not."""
    campaign, shared = revision.campaign, revision.campaign.codes.shared is not None
    makes_codes = campaign.offer is not None and campaign.codes.pool is None
    offers = [revision.as_run(arm=arm).offer for arm in revision.arms]
    found_verdicts = verdicts(
        campaign=campaign,
        guardrails=revision.guardrails,
        code_format=revision.format_of(campaign),
        codes=min(1, people) if makes_codes and shared else people if makes_codes else 0,
        worst=money.worst,
        offers=[offer for offer in offers if offer is not None],
    )
    return "; ".join(verdict.text for verdict in found_verdicts if verdict.level is VerdictLevel.REFUSE)
