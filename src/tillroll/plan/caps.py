"""What a plan says of a percentage with a cap: what the till does with it, and how many recipients get which amount."""

from __future__ import annotations

from decimal import Decimal

from tillroll.campaign.language.models import Offer
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_price, smallest_unit
from tillroll.campaign.text.percent import say_percent
from tillroll.plan.audience.select import CapCount, Selection
from tillroll.plan.audience.subject import Subject


def say_caps(subject: Subject, selection: Selection) -> str:
    """Return what the till does with percentages of at most an amount, and how many get which; empty if there is none."""
    sentences = []
    for arm, offer in subject.offers.items():
        if offer is None or offer.at_most is None:
            continue
        name = f"Arm {arm}: " if arm else ""
        count = selection.caps.get(arm)
        each = subject.revision.as_run(step=subject.step, arm=arm).has_own_values and not subject.makes_pool
        how = _say_cap_of_each(subject, offer) if each else _say_cap_for_all(subject, offer)
        sentences.append(f"{name}{how}")
        if each and count is not None:
            sentences.append(_say_cap_count(subject, offer, count, selection.arms[arm]))
    return " ".join(sentences)


def _say_cap_of_each(subject: Subject, offer: Offer) -> str:
    has_cart = "cart" in (subject.facts or {})
    basket = "what is in the customer's cart" if has_cart else "the customer's average order"
    percent, cap = say_percent(offer.largest_value), _price(subject, offer.at_most)
    return (
        f"The store can't cap a percentage, so each code takes an amount off, on orders from a minimum: {percent} of {basket}, "
        f"rounded down, at most {cap}. No order gets more than {cap} off, nor more than {percent}."
    )


def _say_cap_for_all(subject: Subject, offer: Offer) -> str:
    basket = f"an order of {_price(subject, offer.usual_basket)} (usual_basket)" if offer.usual_basket else ""
    why = (
        f"worked out for {basket}"
        if basket
        else "for a lower amount on smaller orders, give offer.usual_basket"
    )
    return (
        f"The store can't cap a percentage, and nobody knows who will use these codes, so each takes "
        f"{_say_amount(subject, offer, None)}: {why}."
    )


def _say_cap_count(subject: Subject, offer: Offer, count: CapCount, recipients: int) -> str:
    """Return how many recipients get the cap, and how many get less."""
    unit = smallest_unit(subject.store.currency)
    parts = []
    if count.full:
        parts.append(
            f"{count_of(count.full, 'recipient')} {_get(count.full)} {_say_amount(subject, offer, offer.at_most)}"
        )
    if count.least is not None and count.most is not None:
        fewer = recipients - count.full
        low, high = (
            (_price(subject, value), _price(subject, offer.minimum_with(value, unit)))
            for value in (count.least, count.most)
        )
        span = f"{low[0]} off orders of {low[1]} or more"
        if low != high:
            span = f"{low[0]} to {high[0]} off orders of {low[1]} to {high[1]} or more"
        parts.append(f"{count_of(fewer, 'recipient')} {_get(fewer)} {span}")
    text = f"{'; '.join(parts)}."
    if count.unknown:
        expected = f"{_price(subject, offer.usual_basket)} (usual_basket)" if offer.usual_basket else ""
        then = (
            f"{expected} is expected of them"
            if expected
            else "they get the whole cap unless offer.usual_basket says what to expect"
        )
        text += f" {count_of(count.unknown, 'recipient')} {'has' if count.unknown == 1 else 'have'} no order yet: {then}."
    return text


def _say_amount(subject: Subject, offer: Offer, value: Decimal | None) -> str:
    """Return `€30 off orders of €200 or more`; without a value, what a code for all takes off."""
    applied = offer.applied(value, smallest_unit(subject.store.currency))
    return f"{_price(subject, applied.fixed_value)} off orders of {_price(subject, applied.minimum_subtotal)} or more"


def _price(subject: Subject, amount: Decimal | None) -> str:
    return say_price(amount or Decimal(0), subject.store.currency)


def _get(count: int) -> str:
    return "gets" if count == 1 else "get"
