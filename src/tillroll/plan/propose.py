"""From a subject and its audience to the proposal: every sentence, figure and verdict that an approver reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Engine

from tillroll.campaign.models import Offer, Valid
from tillroll.campaign.money import other_currencies
from tillroll.campaign.proposal import (
    ArmOn,
    Audience,
    Exposure,
    Goods,
    Level,
    Proposal,
    Values,
    Verdict,
)
from tillroll.campaign.sentence import say_offer, say_segment
from tillroll.campaign.units import spell_duration
from tillroll.ledger.engine import reading
from tillroll.ledger.exposure import held_by_runs
from tillroll.plan import decide
from tillroll.plan import verdicts as held_against
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import find_goods
from tillroll.plan.figures import figures_by_arm
from tillroll.plan.margin import below_margin
from tillroll.plan.stock import stock_verdicts
from tillroll.plan.subject import Subject


def propose(
    engine: Engine, subject: Subject, selection: Selection, digest: str, *, now: datetime, per_minute: int
) -> Proposal:
    """The whole proposal; `digest` is the audience's."""
    store, revision, campaign = subject.store, subject.revision, subject.campaign
    made = subject.codes_made(selection.count)
    offers = subject.offers
    if subject.makes_pool:
        selection.arms[""] = made
    figures = figures_by_arm(
        engine, store_id=store.id, campaign=revision.name, offers=offers, selection=selection
    )
    worst, likely = _costs(subject, offers, figures)
    calls = decide.calls_for(made)
    found = {arm: find_goods(engine, store.id, named) for arm, named in subject.goods_named.items()}
    goods = {arm: one.goods if one and not one.unknown else None for arm, one in found.items()}
    on = goods[subject.arms[0]]
    verdicts = held_against.verdicts(
        campaign=campaign,
        guardrails=revision.guardrails,
        code_format=revision.format_of(campaign),
        codes=made,
        worst=worst.amount,
        offers=[one for one in offers.values() if one is not None],
        others=_others(engine, subject, now),
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
        offer=_say_offers(subject, goods),
        valid=_say_validities(subject),
        code_format=campaign.codes.format if shared is None else "shared",
        code_example=_example(subject) if campaign.offer else "",
        code_bits=round(revision.format_of(campaign).bits, 1) if shared is None and campaign.offer else 0.0,
        template=message.template if message else "",
        subject=message.subject if message else "",
        approvers=revision.guardrails.quorum(asked=campaign.approval.by, worst=worst.amount, codes=made),
        audience=_audience(subject, selection, digest),
        exposure=Exposure(
            worst_case=worst.amount,
            worst_case_basis=worst.basis,
            expected=likely.amount,
            expected_basis=likely.basis,
        ),
        calls=calls,
        minutes=decide.minutes_for(calls, per_minute),
        verdicts=verdicts,
        goods=on,
        codes=made if made != selection.count else None,
        arms=_arms(subject, selection, goods),
        values=_values(selection),
        step=subject.step,
        happened=subject.happened,
        facts=subject.facts,
    )


def _others(engine: Engine, subject: Subject, now: datetime) -> held_against.Others:
    """What other runs hold of the limits that all runs share."""
    with reading(engine) as connection:
        held = held_by_runs(connection, store_id=subject.store.id, campaign=subject.revision.name, now=now)
    return held_against.Others(
        live=held.live, campaign=held.campaign, month=held.month, codes_today=held.codes_today
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
    """Whether the run's slot falls on a day on which nothing begins, by the store's own date."""
    day = subject.slot_at.astimezone(ZoneInfo(subject.store.timezone)).date()
    by_event = subject.only is not None or subject.facts is not None
    return held_against.calendar_verdicts(subject.revision.calendar, day, by_event=by_event)


def _costs(
    subject: Subject, offers: Mapping[str, Offer | None], figures: Mapping[str, decide.Figures]
) -> tuple[decide.Cost, decide.Cost]:
    """Worst case and expected, over all arms. What comes out of a pool was counted when the pool was made."""
    if subject.campaign.codes.pool is not None and not subject.makes_pool:
        counted = decide.Cost(amount=Decimal(0), basis="codes of the pool, counted when it was made")
        return counted, counted
    guardrails = subject.revision.guardrails
    worst = [decide.worst_case(offers[arm], guardrails, figures[arm]) for arm in offers]
    likely = [decide.expected(offers[arm], guardrails, figures[arm]) for arm in offers]
    return decide.together(worst), decide.together(likely)


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


def _example(subject: Subject) -> str:
    """A code that can never be live, since it holds no drawn symbols; a shared one is what it is."""
    codes = subject.campaign.codes
    if codes.shared is not None:
        return codes.shared
    return codes.prefix + "•" * subject.revision.format_of(subject.campaign).length


def _say_offers(subject: Subject, goods: Mapping[str, Goods | None]) -> str:
    """What is offered, as a sentence; for arms that get different things, each of them once."""
    currency = subject.store.currency
    said = [say_offer(one, currency, goods[arm]) for arm, one in subject.offers.items() if one is not None]
    return ", or ".join(dict.fromkeys(said))


def _say_validities(subject: Subject) -> str:
    """When the codes work; where that differs by arm, each with its name."""
    zone = ZoneInfo(subject.store.timezone)
    said = {arm: say_valid(one.valid, zone) for arm, one in subject.offers.items() if one is not None}
    if len(set(said.values())) < 2:
        return next(iter(said.values()), "")
    return "; ".join(f"{arm}: {text}" for arm, text in said.items())


def _arms(subject: Subject, selection: Selection, goods: Mapping[str, Goods | None]) -> tuple[ArmOn, ...]:
    """What each arm gets; nothing where nothing is compared."""
    if not subject.revision.campaign.variants or subject.makes_pool:
        return ()
    found, first = [], goods[subject.arms[0]]
    for arm in subject.arms:
        campaign = subject.revision.as_run(step=subject.step, arm=arm)
        message = campaign.message
        found.append(
            ArmOn(
                name=arm,
                count=selection.arms[arm],
                offer=say_offer(campaign.offer, subject.store.currency, goods[arm]) if campaign.offer else "",
                template=message.template if message else "",
                subject=message.subject if message else "",
                goods=goods[arm] if goods[arm] != first else None,
            )
        )
    return tuple(found)


def _values(selection: Selection) -> Values | None:
    if selection.least_value is None or selection.most_value is None:
        return None
    own = sum(count for arm, count in selection.arms.items() if arm in selection.values)
    mean = sum(selection.values.values(), Decimal(0)) / own
    return Values(least=selection.least_value, mean=round(mean, 2), most=selection.most_value)


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


def say_valid(valid: Valid, zone: ZoneInfo) -> str:
    """When the codes work, with the edge of the day said plainly."""
    if valid.for_ is not None:
        return f"{spell_duration(valid.for_)} from the moment minting begins, to the end of that day in {zone.key}"
    start = f"from {valid.from_:%Y-%m-%d %H:%M} " if valid.from_ else "from the moment minting begins "
    return f"{start}until {valid.until:%Y-%m-%d %H:%M} ({zone.key})"
