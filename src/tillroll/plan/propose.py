"""Build the proposal from a run's subject and its audience: every sentence, figure and verdict that an approver reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Engine

from tillroll.campaign.codes.strength import Strength
from tillroll.campaign.figures.effort import calls_for, minutes_for
from tillroll.campaign.folder.goods import GoodsMatch
from tillroll.campaign.frozen.overlap import Overlap
from tillroll.campaign.frozen.proposal import Audience, Exposure, Goods, Proposal, Verdict
from tillroll.campaign.language.models import Offer
from tillroll.campaign.segments.sentence import say_segment
from tillroll.ledger.consent.complaints import rate_of
from tillroll.ledger.engine import reading
from tillroll.ledger.limits.kept import discount_given
from tillroll.ledger.queries.exposure import count_codes_like, held_by_runs
from tillroll.plan import decide
from tillroll.plan import verdicts as guardrail_verdicts
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject
from tillroll.plan.caps import say_caps
from tillroll.plan.freeze import ReadAudience
from tillroll.plan.goods.catalog import find_goods
from tillroll.plan.goods.margin import below_margin
from tillroll.plan.goods.stock import stock_verdicts
from tillroll.plan.history import figures_by_arm
from tillroll.plan.leaving import leaving_on, leaving_verdicts, told_verdicts
from tillroll.plan.offered import (
    arms_on,
    example_code,
    languages_on,
    say_offers,
    say_validities,
    values_on,
)
from tillroll.plan.power import say_power
from tillroll.plan.segments.names import unknown_names
from tillroll.plan.shop_side import shop_verdicts
from tillroll.rendering.preview import PreviewSubject
from tillroll.rendering.reading.read import read_emails


@dataclass(frozen=True, kw_only=True)
class _RunGoods:
    """What the offers of a run apply to, by arm."""

    matches: Mapping[str, GoodsMatch | None]  # None: the offer is on everything
    by_arm: Mapping[str, Goods | None]  # None too where the store lacks something that the offer names

    @property
    def shown(self) -> Goods | None:
        """What the first arm's offer applies to, which the plan shows."""
        return next(iter(self.by_arm.values()))


def propose(
    engine: Engine,
    subject: Subject,
    read: ReadAudience,
    *,
    now: datetime,
    per_minute: int,
    has_links: bool,
    transport: str,
) -> Proposal:
    """Return the proposal of a run for an audience that was read.

    `per_minute` is how many API calls the store allows; `has_links`, whether unsubscribe links can be made here;
    `transport`, by which e-mails leave.
    """
    selection = read.selection
    codes = subject.codes_made(selection.count)
    if subject.makes_pool:
        selection.arms[""] = codes
    figures = figures_by_arm(engine, subject, subject.offers, selection, now=now)
    worst, likely = sum_costs(subject, subject.offers, figures)
    goods = _find_goods(engine, subject)
    others = _other_runs(engine, subject, codes, now)
    strength = _strength(subject, 0 if subject.imports else codes, others)
    verdicts = _guardrail_verdicts(subject, codes, worst, others)
    verdicts += _goods_verdicts(engine, subject, goods) + _calendar_verdicts(subject)
    verdicts += _word_verdicts(subject) + _name_verdicts(engine, subject)
    verdicts += shop_verdicts(
        engine, subject, goods.by_arm, count=selection.count, codes=codes, worst=worst.amount
    )
    crossings = read.overlaps.counted(next(iter(subject.offers.values())), goods.shown)
    verdicts += _again_verdicts(subject, read, crossings)
    leaving = leaving_on(engine, subject, selection, transport=transport, now=now)
    verdicts += leaving_verdicts(subject, leaving, selection.count, now) + told_verdicts(subject, now)
    verdicts += guardrail_verdicts.link_verdicts(has_links=has_links or not _sends(subject))
    verdicts += _complaint_verdicts(engine, subject, now)
    proposal = _proposal(
        subject,
        read,
        codes=codes,
        exposure=_exposure(worst, likely, _basket(subject, read.selection)),
        goods=goods,
        strength=strength,
        verdicts=verdicts,
        per_minute=per_minute,
    )
    verdicts += _email_verdicts(engine, subject, selection, proposal, now)
    cap, power = say_caps(subject, selection), say_power(engine, subject, selection, now)
    proposal = replace(proposal, cap=cap, power=power, leaving=leaving)
    return replace(proposal, crossings=crossings, verdicts=verdicts)


def _strength(subject: Subject, drawn: int, others: guardrail_verdicts.OtherRuns) -> Strength | None:
    return guardrail_verdicts.strength_on(subject.campaign, subject.code_format, drawn, others)


def _again_verdicts(
    subject: Subject, read: ReadAudience, crossings: tuple[Overlap, ...]
) -> tuple[Verdict, ...]:
    """Check who has a code of the campaign already, would get another one soon, or couldn't use it."""
    rails, name = subject.revision.guardrails, subject.revision.name
    again = guardrail_verdicts.again_verdicts(
        crossings,
        rails,
        campaign=name,
        count=read.selection.count,
        sent_by=subject.revision.codes_sent_by,
    )
    refused = guardrail_verdicts.refused_code_verdicts(
        subject.offers, read.selection.buyers, read.selection.newcomers, of_one=subject.only is not None
    )
    return again + _repeat_verdicts(subject, read) + refused


def _sends(subject: Subject) -> bool:
    """Whether the run sends e-mails."""
    return not subject.makes_pool and subject.campaign.message is not None


def _proposal(
    subject: Subject,
    read: ReadAudience,
    *,
    codes: int,
    exposure: Exposure,
    goods: _RunGoods,
    strength: Strength | None,
    verdicts: tuple[Verdict, ...],
    per_minute: int,
) -> Proposal:
    """Put the parts of a proposal together."""
    store, revision, campaign = subject.store, subject.revision, subject.campaign
    message = None if subject.makes_pool else campaign.message
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
        offer=say_offers(subject, goods.by_arm),
        valid=say_validities(subject),
        code_format=campaign.codes.format if campaign.codes.shared is None else "shared",
        code_example=example_code(subject) if campaign.offer else "",
        code_bits=strength.bits if strength is not None else 0.0,
        template=message.template if message else "",
        subject=message.subject if message else "",
        approvers=_approvers(subject, exposure, codes),
        audience=_audience(subject, read.selection, read.digest),
        exposure=exposure,
        calls=calls_for(codes),
        minutes=minutes_for(calls_for(codes), per_minute),
        verdicts=verdicts,
        goods=goods.shown,
        codes=codes if codes != read.selection.count else None,
        arms=arms_on(subject, read.selection, goods.by_arm),
        values=values_on(read.selection),
        step=subject.step,
        happened=subject.happened,
        facts=subject.facts,
        strength=strength,
        languages=languages_on(subject, read.selection),
        codes_sent_by=revision.codes_sent_by,
    )


def _approvers(subject: Subject, exposure: Exposure, codes: int) -> int:
    """Return how many people must approve."""
    rails, own = subject.revision.guardrails, subject.campaign.approval.by
    return rails.quorum(own=own, worst=exposure.worst_case, codes=codes)


def _basket(subject: Subject, selection: Selection) -> Decimal | None:
    """Return the largest average order of a recipient, if the worst case has to allow for it."""
    largest = selection.largest_average
    return largest if largest > subject.revision.guardrails.largest_basket else None


def _exposure(worst: decide.WorstCase, likely: decide.ExpectedCost, basket: Decimal | None) -> Exposure:
    return Exposure(
        basket=basket,
        worst_case=worst.amount,
        worst_case_basis=worst.basis,
        expected=likely.likely,
        expected_basis=likely.basis,
        expected_low=likely.low,
        expected_high=likely.high,
        range_basis=likely.range_basis,
    )


def _find_goods(engine: Engine, subject: Subject) -> _RunGoods:
    """Look up what each arm's offer applies to."""
    matches = {
        arm: find_goods(engine, subject.store.id, named, priced=True)
        for arm, named in subject.goods_named.items()
    }
    by_arm = {arm: match.goods if match and not match.unknown else None for arm, match in matches.items()}
    return _RunGoods(matches=matches, by_arm=by_arm)


def _guardrail_verdicts(
    subject: Subject, codes: int, worst: decide.WorstCase, others: guardrail_verdicts.OtherRuns
) -> tuple[Verdict, ...]:
    """Compare the run's size, cost and offers with the guardrails."""
    return guardrail_verdicts.verdicts(
        campaign=subject.campaign,
        guardrails=subject.revision.guardrails,
        code_format=subject.code_format,
        codes=codes,
        worst=worst.amount,
        offers=[offer for offer in subject.offers.values() if offer is not None],
        others=others,
    )


def _goods_verdicts(engine: Engine, subject: Subject, goods: _RunGoods) -> tuple[Verdict, ...]:
    """Compare what the offers apply to with the catalogue, the margin and the stock limit."""
    guardrails, stops = subject.revision.guardrails, subject.revision.campaign.stops
    of_matches = dict.fromkeys(
        guardrail_verdicts.goods_verdicts(match, guardrails) for match in goods.matches.values() if match
    )
    below = stops.stock_below if stops else None
    return (
        *(verdict for verdicts in of_matches for verdict in verdicts),
        *_margin_verdicts(engine, subject, goods.by_arm),
        *stock_verdicts(engine, subject.store.id, goods.by_arm.values(), below),
    )


def _other_runs(engine: Engine, subject: Subject, codes: int, now: datetime) -> guardrail_verdicts.OtherRuns:
    """Return what other runs use of the limits that all runs share."""
    store_id, prefix = subject.store.id, subject.campaign.codes.prefix
    draws_codes = codes and subject.campaign.codes.shared is None
    with reading(engine) as connection:
        held = held_by_runs(connection, store_id=store_id, campaign=subject.revision.name, now=now)
        given = discount_given(connection, store_id, subject.revision.name)
        length, head = subject.code_format.code_length(prefix), subject.code_format.head(prefix)
        alike = (
            count_codes_like(connection, store_id=store_id, prefix=head, length=length) if draws_codes else 0
        )
    return guardrail_verdicts.OtherRuns(
        live=held.live,
        campaign=held.campaign,
        given=given,
        month=held.month,
        codes_today=held.codes_today,
        codes=held.codes,
        like_these=alike,
    )


def _margin_verdicts(
    engine: Engine, subject: Subject, goods: Mapping[str, Goods | None]
) -> tuple[Verdict, ...]:
    """Check whether any arm's offer would sell a product below the margin that the guardrails ask for."""
    guardrails = subject.revision.guardrails
    margin = guardrails.least_margin
    offers = {arm: offer for arm, offer in subject.offers.items() if offer is not None}
    if margin is None or not offers:
        return ()
    with reading(engine) as connection:
        below = [
            below_margin(connection, store_id=subject.store.id, offer=offer, goods=goods[arm], margin=margin)
            for arm, offer in offers.items()
        ]
    return guardrail_verdicts.margin_verdicts(below, guardrails)


def _calendar_verdicts(subject: Subject) -> tuple[Verdict, ...]:
    """Check whether the run's slot falls on a blackout day, by the campaign's clock."""
    zone = subject.revision.campaign.when.zone(subject.store.timezone)
    day = subject.slot_at.astimezone(zone).date()
    by_event = subject.only is not None or subject.facts is not None
    return guardrail_verdicts.calendar_verdicts(subject.revision.calendar, day, by_event=by_event)


def _word_verdicts(subject: Subject) -> tuple[Verdict, ...]:
    """Check what the files say: amounts in the store's currency, words with two meanings, values that the offer doesn't have."""
    revision = subject.revision
    offers = [offer for offer in subject.offers.values() if offer is not None]
    return (
        *guardrail_verdicts.currency_verdicts(revision, offers, subject.store.currency),
        *guardrail_verdicts.advice_verdicts(revision.campaign),
        *guardrail_verdicts.claim_verdicts(revision),
    )


def _email_verdicts(
    engine: Engine, subject: Subject, selection: Selection, proposal: Proposal, now: datetime
) -> tuple[Verdict, ...]:
    """Fill in the e-mails for awkward recipients, and read them."""
    revision = subject.revision
    if subject.makes_pool or subject.campaign.message is None:
        return ()
    shown = PreviewSubject(store=subject.store, revision=revision, proposal=proposal, now=now)
    faults = read_emails(engine, shown, selection.awkward, selection.arms)
    refused = {verdict.measured for verdict in proposal.refusals if verdict.rule == "e-mail"}
    return guardrail_verdicts.email_verdicts(
        faults,
        revision.guardrails.emails,
        steps=len(revision.campaign.steps),
        arms=subject.arms,
        refused=refused,
    )


def _repeat_verdicts(subject: Subject, read: ReadAudience) -> tuple[Verdict, ...]:
    """Check whether the campaign gives codes to the same people again and again."""
    revision = subject.revision
    return guardrail_verdicts.repeat_verdicts(
        read.overlaps.repeats(),
        revision.guardrails,
        campaign=revision.name,
        count=read.selection.count,
        zone=revision.campaign.when.zone(subject.store.timezone),
        sent_by=revision.codes_sent_by,
    )


def _complaint_verdicts(engine: Engine, subject: Subject, now: datetime) -> tuple[Verdict, ...]:
    """Check whether readers call the campaign's e-mails spam."""
    if not _sends(subject):
        return ()
    with reading(engine) as connection:
        rate = rate_of(connection, subject.store.id, subject.revision.name, now)
    return guardrail_verdicts.complaint_verdicts(rate)


def _name_verdicts(engine: Engine, subject: Subject) -> tuple[Verdict, ...]:
    """Check the segments' names against the store's customers. A run of one customer's event relies on its flow's preview."""
    if subject.only is not None and subject.run_id:
        return ()
    revision = subject.revision
    with reading(engine) as connection:
        unknown = unknown_names(
            connection, subject.store.id, revision.segments, excluded=revision.campaign.who.exclude
        )
    return guardrail_verdicts.name_verdicts(unknown, revision.guardrails)


def sum_costs(
    subject: Subject, offers: Mapping[str, Offer | None], figures: Mapping[str, decide.Figures]
) -> tuple[decide.WorstCase, decide.ExpectedCost]:
    """Return the worst case and the expected cost over all arms. Codes from a pool were counted when the pool was made."""
    if subject.campaign.codes.pool is not None and not subject.makes_pool:
        basis = "codes of the pool, counted when it was made"
        return decide.WorstCase(amount=Decimal(0), basis=basis), replace(decide.NOTHING, basis=basis)
    guardrails = subject.revision.guardrails
    worst = [decide.worst_case(offers[arm], guardrails, figures[arm]) for arm in offers]
    likely = [decide.expected_cost(offers[arm], guardrails, figures[arm]) for arm in offers]
    budget, currency = subject.campaign.budget, subject.store.currency
    ceiling = budget.discount if budget is not None else None
    bounded = decide.bound_by_ceiling(decide.add_costs(worst), ceiling, currency)
    return bounded, decide.add_expected(likely)


def _audience(subject: Subject, selection: Selection, digest: str) -> Audience:
    segment = subject.campaign.who.segment or ""
    if subject.makes_pool:
        sentence = "Nobody yet: these codes are handed out later."
    elif segment:
        sentence = say_segment(subject.revision.segments[segment])
    else:
        sentence = "The customer of the event."
    return Audience(
        segment=segment,
        sentence=sentence,
        matched=selection.matched,
        excluded=dict(sorted(selection.excluded.items())),
        count=selection.count,
        digest=digest,
    )
