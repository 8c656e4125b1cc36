"""What a plan shows of its offers: each arm's offer, when codes are valid, and what they look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.proposal import Goods, PlanArm, ValueRange
from tillroll.campaign.language.models import Valid
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.zones import zone_of
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject


def example_code(subject: Subject) -> str:
    """Return a code of the right form whose drawn symbols are dots, so that it can never work; a shared code as it is.

    Empty for codes that were made elsewhere.
    """
    codes = subject.campaign.codes
    if subject.imports:
        return ""
    if codes.shared is not None:
        return codes.shared
    return subject.code_format.format_code(codes.prefix, "•" * subject.code_format.symbols)


def say_offers(subject: Subject, goods: Mapping[str, Goods | None]) -> str:
    """Return the offer as a phrase; of arms with different offers, each offer once."""
    currency = subject.store.currency
    offers = [
        say_offer(offer, currency, goods[arm]) for arm, offer in subject.offers.items() if offer is not None
    ]
    return ", or ".join(dict.fromkeys(offers))


def say_validities(subject: Subject) -> str:
    """Return when the codes are valid; where that differs by arm, each with the arm's name."""
    zone = zone_of(subject.store.timezone)
    by_arm = {arm: say_valid(offer.valid, zone) for arm, offer in subject.offers.items() if offer is not None}
    if len(set(by_arm.values())) < 2:
        return next(iter(by_arm.values()), "")
    return "; ".join(f"{arm}: {text}" for arm, text in by_arm.items())


def arms_on(subject: Subject, selection: Selection, goods: Mapping[str, Goods | None]) -> tuple[PlanArm, ...]:
    """Return what each arm gets; empty for a campaign without variants."""
    if not subject.revision.campaign.variants or subject.makes_pool:
        return ()
    arms, first = [], goods[subject.arms[0]]
    for arm in subject.arms:
        campaign = subject.revision.as_run(step=subject.step, arm=arm)
        message = campaign.message
        arms.append(
            PlanArm(
                name=arm,
                count=selection.arms[arm],
                offer=say_offer(campaign.offer, subject.store.currency, goods[arm]) if campaign.offer else "",
                template=message.template if message else "",
                subject=message.subject if message else "",
                goods=goods[arm] if goods[arm] != first else None,
            )
        )
    return tuple(arms)


def languages_on(subject: Subject, selection: Selection) -> dict[str, int]:
    """Return how many recipients get the e-mail in which language, none included; empty if it has only one."""
    message = subject.campaign.message
    if message is None or not selection.languages:
        return {}
    counts = Counter[str]()
    for translation in ("", *message.subjects, *selection.languages):
        counts.setdefault(translation or message.language or subject.store.language, 0)
    for translation, count in selection.languages.items():
        counts[translation or message.language or subject.store.language] += count
    return dict(counts)


def values_on(selection: Selection) -> ValueRange | None:
    """Return the range of values that differ by customer; None if they don't."""
    if selection.least_value is None or selection.most_value is None:
        return None
    with_value = sum(count for arm, count in selection.arms.items() if arm in selection.values)
    mean = sum(selection.values.values(), Decimal(0)) / with_value
    return ValueRange(least=selection.least_value, mean=round(mean, 2), most=selection.most_value)


def say_valid(valid: Valid, zone: ZoneInfo) -> str:
    """Return when the codes are valid, with the time zone in which their last day ends."""
    if valid.for_ is not None:
        until = f", to the end of that day in {zone.key}" if valid.for_.ends_with_day else ""
        return f"{valid.for_} from when its codes are made{until}"
    start = f"from {valid.from_:%Y-%m-%d %H:%M} " if valid.from_ else "from when its codes are made "
    return f"{start}until {valid.until:%Y-%m-%d %H:%M} ({zone.key})"
