"""From a subject and its audience to the proposal: every sentence, figure and verdict that an approver reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Engine

from tillroll.campaign.figures.effort import calls_for, minutes_for
from tillroll.campaign.frozen.proposal import Audience, Exposure, Goods, Level, Proposal, Verdict
from tillroll.campaign.language.models import Offer
from tillroll.campaign.language.money import other_currencies
from tillroll.campaign.segments.sentence import say_segment
from tillroll.ledger.engine import reading
from tillroll.ledger.exposure import codes_like, held_by_runs
from tillroll.plan import decide
from tillroll.plan import verdicts as held_against
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import find_goods
from tillroll.plan.events.stock import stock_verdicts
from tillroll.plan.figures import figures_by_arm
from tillroll.plan.freeze import Read
from tillroll.plan.margin import below_margin
from tillroll.plan.offered import (
    arms_on,
    example_code,
    say_offers,
    say_validities,
    values_on,
)
from tillroll.plan.subject import Subject


def propose(engine: Engine, subject: Subject, read: Read, *, now: datetime, per_minute: int) -> Proposal:
    """The whole proposal of a subject and its audience."""
    selection = read.selection
    store, revision, campaign = subject.store, subject.revision, subject.campaign
    made = subject.codes_made(selection.count)
    offers = subject.offers
    if subject.makes_pool:
        selection.arms[""] = made
    figures = figures_by_arm(engine, subject, offers, selection, now=now)
    worst, likely = costs(subject, offers, figures)
    calls = calls_for(made)
    found = {
        arm: find_goods(engine, store.id, named, priced=True) for arm, named in subject.goods_named.items()
    }
    goods = {arm: one.goods if one and not one.unknown else None for arm, one in found.items()}
    on = goods[subject.arms[0]]
    others = _others(engine, subject, made, now)
    strength = held_against.strength_on(campaign, subject.code_format, made, others)
    verdicts = held_against.verdicts(
        campaign=campaign,
        guardrails=revision.guardrails,
        code_format=subject.code_format,
        codes=made,
        worst=worst.amount,
        offers=[one for one in offers.values() if one is not None],
        others=others,
    )
    for each in dict.fromkeys(
        held_against.goods_verdicts(one, revision.guardrails) for one in found.values() if one
    ):
        verdicts += each
    verdicts += _margins(engine, subject, goods)
    stops = revision.campaign.stops
    verdicts += stock_verdicts(engine, store.id, goods.values(), stops.stock_below if stops else None)
    verdicts += _currency_verdicts(subject) + _calendar_verdicts(subject)
    message, shared = None if subject.makes_pool else campaign.message, campaign.codes.shared
    return Proposal(
        store_id=store.ecwid_id,
        store_name=store.name,
        currency=store.currency,
        timezone=store.timezone,
        campaign=revision.name,
        title=campaign.title,
        owner=campaign.owner,
        slot_key=subject.slot_key,
        slot_at=subject.slot_at.isoformat(),
        revision=revision.digest,
        offer=say_offers(subject, goods),
        valid=say_validities(subject),
        code_format=campaign.codes.format if shared is None else "shared",
        code_example=example_code(subject) if campaign.offer else "",
        code_bits=strength.bits if strength is not None else 0.0,
        template=message.template if message else "",
        subject=message.subject if message else "",
        approvers=revision.guardrails.quorum(asked=campaign.approval.by, worst=worst.amount, codes=made),
        audience=_audience(subject, selection, read.digest),
        exposure=Exposure(
            worst_case=worst.amount,
            worst_case_basis=worst.basis,
            expected=likely.likely,
            expected_basis=likely.basis,
            expected_low=likely.low,
            expected_high=likely.high,
            range_basis=likely.range_basis,
        ),
        calls=calls,
        minutes=minutes_for(calls, per_minute),
        verdicts=verdicts,
        goods=on,
        codes=made if made != selection.count else None,
        arms=arms_on(subject, selection, goods),
        values=values_on(selection),
        step=subject.step,
        happened=subject.happened,
        facts=subject.facts,
        crossings=read.crossings.found(next(iter(offers.values())), on),
        strength=strength,
    )


def _others(engine: Engine, subject: Subject, made: int, now: datetime) -> held_against.Others:
    """What other runs hold of the limits that all runs share."""
    store_id, prefix = subject.store.id, subject.campaign.codes.prefix
    draws = made and subject.campaign.codes.shared is None
    with reading(engine) as connection:
        held = held_by_runs(connection, store_id=store_id, campaign=subject.revision.name, now=now)
        length = subject.code_format.code_length(prefix)
        alike = codes_like(connection, store_id=store_id, prefix=prefix, length=length) if draws else 0
    return held_against.Others(
        live=held.live,
        campaign=held.campaign,
        month=held.month,
        codes_today=held.codes_today,
        codes=held.codes,
        like_these=alike,
    )


def _margins(engine: Engine, subject: Subject, goods: Mapping[str, Goods | None]) -> tuple[Verdict, ...]:
    """Whether any arm's offer would sell something too cheaply."""
    rails = subject.revision.guardrails
    offered = {arm: one for arm, one in subject.offers.items() if one is not None}
    if rails.least_margin is None or not offered:
        return ()
    with reading(engine) as connection:
        below = [
            below_margin(
                connection, store_id=subject.store.id, offer=one, goods=goods[arm], margin=rails.least_margin
            )
            for arm, one in offered.items()
        ]
    return held_against.margin_verdicts(below, rails)


def _calendar_verdicts(subject: Subject) -> tuple[Verdict, ...]:
    """Whether the run's slot falls on a day on which nothing begins, by the campaign's clock."""
    zone = subject.revision.campaign.when.zone(subject.store.timezone)
    day = subject.slot_at.astimezone(zone).date()
    by_event = subject.only is not None or subject.facts is not None
    return held_against.calendar_verdicts(subject.revision.calendar, day, by_event=by_event)


def costs(
    subject: Subject, offers: Mapping[str, Offer | None], figures: Mapping[str, decide.Figures]
) -> tuple[decide.Cost, decide.Expected]:
    """Worst case and expected, over all arms. What comes out of a pool was counted when the pool was made."""
    if subject.campaign.codes.pool is not None and not subject.makes_pool:
        basis, none = "codes of the pool, counted when it was made", Decimal(0)
        return decide.Cost(amount=none, basis=basis), replace(decide.NOTHING, basis=basis)
    guardrails = subject.revision.guardrails
    worst = [decide.worst_case(offers[arm], guardrails, figures[arm]) for arm in offers]
    likely = [decide.expected(offers[arm], guardrails, figures[arm]) for arm in offers]
    return decide.together(worst), decide.all_together(likely)


def _audience(subject: Subject, selection: Selection, digest: str) -> Audience:
    segment = subject.campaign.who.segment or ""
    if subject.makes_pool:
        sentence = "Nobody yet: these codes are handed out later."
    elif segment:
        sentence = say_segment(subject.revision.segments[segment])
    else:
        sentence = "The customer it happened to."
    return Audience(
        segment=segment,
        sentence=sentence,
        matched=selection.matched,
        excluded=dict(sorted(selection.excluded.items())),
        count=selection.count,
        digest=digest,
    )


def _currency_verdicts(subject: Subject) -> tuple[Verdict, ...]:
    """Amounts that say a currency are held against the store's own."""
    currency = subject.store.currency
    said = [
        *other_currencies(subject.revision.campaign, currency),
        *other_currencies(subject.revision.guardrails, currency, at="guardrails"),
    ]
    text = "; ".join(said)
    return (
        (Verdict(rule="currency", level=Level.REFUSE, measured=text, limit=currency, text=text),)
        if said
        else ()
    )
