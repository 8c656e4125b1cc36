"""What a plan says of its offers: each arm's in words and in figures, when codes work, what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.proposal import ArmOn, Goods, Values
from tillroll.campaign.language.models import Valid
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.units import spell_duration
from tillroll.plan.audience import Selection
from tillroll.plan.subject import Subject


def example_code(subject: Subject) -> str:
    """A code that can never be live, since it holds no drawn symbols; a shared one is what it is."""
    codes = subject.campaign.codes
    if codes.shared is not None:
        return codes.shared
    return subject.code_format.written(codes.prefix, "•" * subject.code_format.symbols)


def say_offers(subject: Subject, goods: Mapping[str, Goods | None]) -> str:
    """What is offered, as a sentence; for arms that get different things, each of them once."""
    currency = subject.store.currency
    said = [say_offer(one, currency, goods[arm]) for arm, one in subject.offers.items() if one is not None]
    return ", or ".join(dict.fromkeys(said))


def say_validities(subject: Subject) -> str:
    """When the codes work; where that differs by arm, each with its name."""
    zone = ZoneInfo(subject.store.timezone)
    said = {arm: say_valid(one.valid, zone) for arm, one in subject.offers.items() if one is not None}
    if len(set(said.values())) < 2:
        return next(iter(said.values()), "")
    return "; ".join(f"{arm}: {text}" for arm, text in said.items())


def arms_on(subject: Subject, selection: Selection, goods: Mapping[str, Goods | None]) -> tuple[ArmOn, ...]:
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


def values_on(selection: Selection) -> Values | None:
    if selection.least_value is None or selection.most_value is None:
        return None
    own = sum(count for arm, count in selection.arms.items() if arm in selection.values)
    mean = sum(selection.values.values(), Decimal(0)) / own
    return Values(least=selection.least_value, mean=round(mean, 2), most=selection.most_value)


def say_valid(valid: Valid, zone: ZoneInfo) -> str:
    """When the codes work, with the edge of the day said plainly."""
    if valid.for_ is not None:
        return f"{spell_duration(valid.for_)} from the moment minting begins, to the end of that day in {zone.key}"
    start = f"from {valid.from_:%Y-%m-%d %H:%M} " if valid.from_ else "from the moment minting begins "
    return f"{start}until {valid.until:%Y-%m-%d %H:%M} ({zone.key})"
