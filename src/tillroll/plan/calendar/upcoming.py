"""What the ledger knows of the days to come: audiences and their overlaps in one look at the customers, costs, and how often
events happen.

A look reads so many customers at most; of a larger store it takes an even sample, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Book, Revision
from tillroll.campaign.figures.holdout import arm_of, held_back
from tillroll.campaign.frozen.proposal import Level
from tillroll.campaign.language.models import Send, Valid
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.timing.schedule import describe
from tillroll.ledger.engine import reading, streaming
from tillroll.ledger.tables import campaigns, customers
from tillroll.plan.audience import Selection, figures_of
from tillroll.plan.calendar.forecast import Awaited, Money, Scheduled, say_asleep
from tillroll.plan.events.usual import usual_number
from tillroll.plan.figures import figures_by_arm
from tillroll.plan.freeze import split_key
from tillroll.plan.pool import only_fills_pool
from tillroll.plan.propose import costs
from tillroll.plan.segments.answerable import unanswered
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask
from tillroll.plan.subject import Subject
from tillroll.plan.verdicts import verdicts

MOST_LOOKED_AT = 200_000
"""Customers that one look reads."""

_MIX, _PRIME = 7_919, 104_729  # an even sample, whatever pattern the store's numbers have


@dataclass(frozen=True, kw_only=True)
class Upcoming:
    """Everything a forecast is made from."""

    scheduled: tuple[Scheduled, ...]
    awaited: tuple[Awaited, ...]
    asides: Mapping[str, str]  # campaigns that neither the clock nor an event sets off, and why
    overlaps: Mapping[frozenset[str], int]  # how many people are in exactly these campaigns' audiences
    one_in: int  # of so many customers one was looked at; 1: all of them
    limit: int | None  # e-mails a person a week, by the guardrails


@dataclass(kw_only=True)
class _Audience:
    """One campaign's audience as it comes together."""

    revision: Revision
    wanted: int  # bits of the segments it asks for
    barred: int  # bits of those it leaves out
    arms: list[tuple[str, int]]
    selection: Selection = field(default_factory=Selection)


def upcoming(
    engine: Engine, *, store: sa.Row[Any], book: Book, now: datetime, most: int = MOST_LOOKED_AT
) -> Upcoming:
    """Read what a forecast of the campaigns in the files is made from. Writes nothing."""
    revisions = [book.revisions[name] for name in sorted(book.revisions)]
    with reading(engine) as connection:
        query = sa.select(campaigns).where(campaigns.c.store_id == store.id)
        known = {row.name: row for row in connection.execute(query)}
        audiences, overlaps, one_in = _look(connection, store, revisions, now, most)
    scheduled, awaited = [], []
    asides = dict.fromkeys(book.faulty, "its files have faults; run tillroll check")
    for revision in revisions:
        audience, row = audiences.get(revision.name), known.get(revision.name)
        selection = audience.selection if audience is not None else Selection()
        campaign = revision.campaign
        by_clock = campaign.when.on is None and not only_fills_pool(campaign)
        if by_clock:
            scheduled.append(_scheduled(engine, store, revision, selection, row, now))
        elif asleep := say_asleep(campaign.status, _halted_by(row)):
            asides[revision.name] = asleep
        elif campaign.when.on is not None:
            awaited.append(_awaited(engine, store, revision, selection, row, now))
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


def _look(
    connection: Connection, store: sa.Row[Any], revisions: Sequence[Revision], now: datetime, most: int
) -> tuple[dict[str, _Audience], dict[frozenset[str], int], int]:
    """Every audience, and how they overlap, in one pass over those who may be reached."""
    here = customers.c.store_id == store.id
    one_in = -(-int(connection.scalar(sa.select(sa.func.count()).where(here)) or 0) // most) or 1
    segments = {name: one for revision in revisions for name, one in revision.segments.items()}
    bit = {name: 1 << place for place, name in enumerate(segments)}
    audiences = {one.name: _audience(one, bit) for one in revisions if one.campaign.who.segment}
    lists = {name: one for revision in revisions for name, one in revision.lists.items()}
    asking = SegmentQuery(
        ask(connection, store_id=store.id, segments=segments.values(), lists=lists, now=now)
    )
    columns = [asking.flag(one).label(f"in_{bit[name]}") for name, one in segments.items()]
    query = sa.select(customers, *columns).select_from(asking.source)
    query = query.where(here, customers.c.accepts_marketing.is_(sa.true()), customers.c.email.contains("@"))
    if one_in > 1:
        query = query.where(customers.c.customer_id * _MIX % _PRIME % one_in == 0)
    overlaps: Counter[frozenset[str]] = Counter()

    @lru_cache(maxsize=10_000)
    def asked(segments_of_one: int) -> tuple[_Audience, ...]:
        return tuple(
            one
            for one in audiences.values()
            if segments_of_one & one.wanted == one.wanted and not segments_of_one & one.barred
        )

    key, first = split_key(store.ecwid_id), len(customers.c)
    with streaming(connection, query.order_by(customers.c.customer_id)) as rows:
        for row in rows:
            theirs = sum(1 << place for place, inside in enumerate(row[first:]) if inside)
            reached = [one for one in asked(theirs) if _take(one, row, key, one_in, now)]
            if reached:
                overlaps[frozenset(one.revision.name for one in reached)] += 1
    for audience in audiences.values():
        _scale(audience.selection, one_in)
    return audiences, {names: people * one_in for names, people in overlaps.items()}, one_in


def _audience(revision: Revision, bit: Mapping[str, int]) -> _Audience:
    who = revision.campaign.who
    barred = sum(bit[name] for name in set(who.exclude))
    arms = [(one.name, one.weight) for one in revision.campaign.variants]
    return _Audience(revision=revision, wanted=bit[who.segment or ""], barred=barred, arms=arms)


def _take(audience: _Audience, row: sa.Row[Any], key: bytes, one_in: int, now: datetime) -> bool:
    """Count a customer of the segment in, unless they are held back or too many: as a plan would."""
    revision, selection = audience.revision, audience.selection
    campaign, customer = revision.campaign, row.customer_id
    if campaign.who.limit is not None and selection.count * one_in >= campaign.who.limit:
        return False
    if held_back(campaign=revision.name, customer_id=customer, share=campaign.who.holdout, key=key):
        return False
    arm = arm_of(campaign=revision.name, customer_id=customer, arms=audience.arms, key=key)
    offer, value = revision.as_run(arm=arm).offer, None
    if offer is not None and offer.per_customer is not None:
        value = offer.per_customer.value_for(figures_of(row, {}, now))
        if value is None:
            return False
    selection.take(row, arm, value)
    return True


def _scale(selection: Selection, one_in: int) -> None:
    """A sample's figures as those of all."""
    selection.count *= one_in
    for arm in list(selection.arms):
        selection.arms[arm] *= one_in
    selection.values = {arm: value * one_in for arm, value in selection.values.items()}


def _scheduled(
    engine: Engine,
    store: sa.Row[Any],
    revision: Revision,
    selection: Selection,
    row: sa.Row[Any] | None,
    now: datetime,
) -> Scheduled:
    campaign = revision.campaign
    message, offer = revision.as_run(arm=revision.arms[0]).message, campaign.offer
    reminder = message.reminder if message is not None else None
    limit = campaign.who.limit
    if limit is not None:
        selection.count = min(limit, selection.count)
    valid: Valid | None = offer.valid if offer is not None else None
    money = _money(engine, store, revision, selection, 1, now)
    return Scheduled(
        name=revision.name,
        title=campaign.title,
        status=campaign.status,
        when=campaign.when,
        zone=campaign.when.zone(store.timezone),
        calendar=revision.calendar,
        send=message.send if message is not None else Send(),
        first_seen=row.first_seen_at if row is not None else now,
        considered_until=row.considered_until if row is not None else now,
        gives=_gives(revision, store.currency, 1),
        people=selection.count,
        money=money,
        refused=_refused(revision, selection.count, money),
        valid=valid,
        reminder=reminder.before_expiry if reminder is not None else None,
        halted_by=_halted_by(row),
        untold=unanswered(engine, store, revision, now),
    )


def _halted_by(row: sa.Row[Any] | None) -> str:
    """Who halted a campaign; empty while nobody has."""
    return "" if row is None or row.halted_at is None else str(row.halted_by)


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


def _awaited(
    engine: Engine,
    store: sa.Row[Any],
    revision: Revision,
    selection: Selection,
    row: sa.Row[Any] | None,
    now: datetime,
) -> Awaited:
    """What an event sets off: each time for one customer, or, where it happens to a product, for the whole audience."""
    campaign = revision.campaign
    event = campaign.when.on
    assert event is not None  # noqa: S101 - only such campaigns are looked at
    steps = range(1, max(1, len(campaign.steps)) + 1)
    reckon = _money if event.about_product else _money_of_one
    money = sum((reckon(engine, store, revision, selection, step, now) for step in steps), Money())
    usual = usual_number(engine, store=store, revision=revision, row=row, now=now)
    gives = dict.fromkeys(said for step in steps if (said := _gives(revision, store.currency, step)))
    return Awaited(
        name=revision.name,
        title=campaign.title,
        waits_for=describe(campaign.when, campaign.when.zone(store.timezone)),
        gives=", then ".join(gives),
        a_day=usual.a_day,
        basis=usual.basis,
        people=selection.count if event.about_product else 1,
        emails=len(steps),
        money=money,
    )


def _gives(revision: Revision, currency: str, step: int) -> str:
    """What one step offers, each arm's once."""
    offers = [revision.as_run(step=step, arm=arm).offer for arm in revision.arms]
    return ", or ".join(dict.fromkeys(say_offer(one, currency) for one in offers if one is not None))


def _money(
    engine: Engine, store: sa.Row[Any], revision: Revision, selection: Selection, step: int, now: datetime
) -> Money:
    """What one run of a step costs, by the same reckoning as a plan. What comes out of a pool was counted when it was filled."""
    if not selection.count:
        return Money()
    subject = Subject(
        run_id=0,
        slot_key="calendar",
        slot_at=now,
        store=store,
        revision_id=0,
        revision=revision,
        step=step,
    )
    figures = figures_by_arm(engine, subject, subject.offers, selection, now=now)
    worst, likely = costs(subject, subject.offers, figures)
    return Money(worst=worst.amount, expected=likely.likely)


def _money_of_one(
    engine: Engine, store: sa.Row[Any], revision: Revision, selection: Selection, step: int, now: datetime
) -> Money:
    """What one customer's step costs, whoever it will be: in the dearest arm, at its largest value."""
    found = []
    for arm in revision.arms:
        offer = revision.as_run(step=step, arm=arm).offer
        one = replace(selection, count=1, arms=Counter({arm: 1}), values={})
        if offer is not None:
            one.values[arm] = offer.largest_value
        found.append(_money(engine, store, revision, one, step, now))
    unbounded = any(one.worst is None for one in found)
    likely = [one.expected for one in found if one.expected is not None]
    return Money(
        worst=None if unbounded else max(one.worst for one in found if one.worst is not None),
        expected=max(likely) if len(likely) == len(found) else None,
    )
