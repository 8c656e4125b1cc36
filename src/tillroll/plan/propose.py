"""From a subject and its audience to the proposal: every sentence, figure and verdict that an approver reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.models import THE_PRODUCT, AppliesTo, Offer, Valid
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
from tillroll.ledger.pools import POOL
from tillroll.plan import decide
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import find_goods
from tillroll.plan.figures import figures_by_arm


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a plan is made of: one run, or one that might be."""

    run_id: int
    slot_key: str
    slot_at: datetime
    store: sa.Row[Any]
    revision_id: int
    revision: Revision
    kind: str = ""
    step: int = 1
    only: int | None = None  # the customer that its event happened to
    happened: str = ""
    facts: Mapping[str, Any] | None = None
    pool_codes: int = 0  # how many a pool run makes

    @property
    def campaign(self) -> Campaign:
        """The campaign as this run's step has it, arms aside."""
        return self.revision.as_run(step=self.step)

    @property
    def makes_pool(self) -> bool:
        """Whether it makes codes for nobody yet."""
        return self.kind == POOL


def applies_to(subject: Subject) -> AppliesTo | None:
    """What the offer is on, with the event's own product by its SKU."""
    offer = subject.campaign.offer
    wanted = offer.applies_to if offer is not None else None
    product = (subject.facts or {}).get("product")
    if wanted is None or product is None or THE_PRODUCT not in wanted.products:
        return wanted
    named = tuple(product["sku"] if one == THE_PRODUCT else one for one in wanted.products)
    return wanted.model_copy(update={"products": tuple(dict.fromkeys(named))})


def codes_made(subject: Subject, recipients: int) -> int:
    """How many codes the run makes; from a pool, and for an e-mail without one, none."""
    campaign = subject.campaign
    if subject.makes_pool:
        return subject.pool_codes
    if campaign.offer is None or campaign.codes.pool is not None:
        return 0
    return min(1, recipients) if campaign.codes.shared is not None else recipients


def propose(engine: Engine, subject: Subject, selection: Selection, digest: str, per_minute: int) -> Proposal:
    """The whole proposal; `digest` is the audience's."""
    store, revision, campaign = subject.store, subject.revision, subject.campaign
    made = codes_made(subject, selection.count)
    offers = {arm: revision.as_run(step=subject.step, arm=arm).offer for arm in revision.arms}
    if subject.makes_pool:
        selection.arms[""] = made
    figures = figures_by_arm(
        engine, store_id=store.id, campaign=revision.name, offers=offers, selection=selection
    )
    worst, likely = _costs(subject, offers, figures)
    calls = decide.calls_for(made)
    found = find_goods(engine, store.id, applies_to(subject))
    goods = found.goods if found and not found.unknown else None
    verdicts = decide.verdicts(
        campaign=campaign,
        guardrails=revision.guardrails,
        code_format=revision.format_of(campaign),
        codes=made,
        worst=worst.amount,
    )
    verdicts += decide.goods_verdicts(found) if found else ()
    verdicts += _currency_verdicts(subject)
    message, shared = campaign.message, campaign.codes.shared
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
        offer=say_offer(campaign.offer, store.currency, goods) if campaign.offer else "",
        valid=say_valid(campaign.offer.valid, ZoneInfo(store.timezone)) if campaign.offer else "",
        code_format=campaign.codes.format if shared is None else "shared",
        code_example=_example(subject) if campaign.offer else "",
        code_bits=round(revision.format_of(campaign).bits, 1) if shared is None and campaign.offer else 0.0,
        template=message.template if message else "",
        subject=message.subject if message else "",
        approvers=campaign.approval.by,
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
        goods=goods,
        codes=made if made != selection.count else None,
        arms=_arms(subject, selection, goods),
        values=_values(selection),
        step=subject.step,
        happened=subject.happened,
        facts=subject.facts,
    )


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


def _arms(subject: Subject, selection: Selection, goods: Goods | None) -> tuple[ArmOn, ...]:
    """What each arm gets; nothing where nothing is compared."""
    if not subject.revision.campaign.variants or subject.makes_pool:
        return ()
    found = []
    for arm in subject.revision.arms:
        campaign = subject.revision.as_run(step=subject.step, arm=arm)
        message = campaign.message
        found.append(
            ArmOn(
                name=arm,
                count=selection.arms[arm],
                offer=say_offer(campaign.offer, subject.store.currency, goods) if campaign.offer else "",
                template=message.template if message else "",
                subject=message.subject if message else "",
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
