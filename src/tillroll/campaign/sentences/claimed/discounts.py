"""Percentages, amounts and bargains in the words of an e-mail, against its offer. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, Offer
from tillroll.campaign.reading.expected import CodeTerms
from tillroll.campaign.reading.figures import amounts_promised, why_wrong, wrong_bargains
from tillroll.campaign.reading.said.bargains import Bargain
from tillroll.campaign.reading.visible import line_with, own_words
from tillroll.campaign.sentences.claimed.mismatch import Mismatch, MismatchKind
from tillroll.campaign.sentences.claimed.shown import percents_written


def percents_claimed(file: str, text: str, offer: Offer, whose: str) -> Iterator[Mismatch]:
    """Yield the percentages in the words of an e-mail that are not the offer's."""
    for written in percents_written(text):
        numbers, is_wrong = written.numbers, False
        number = min(numbers)
        if 100 in numbers and not written.is_promise:
            continue
        if offer.at_most is not None:
            is_wrong = offer.largest_value in numbers
            problem = (
                f"says {number:f}%, but the percentage of {whose} has a cap, so each code takes an amount off, from a minimum "
                "on; write {{ offer.discount }} and {{ offer.conditions }}"
            )
        elif offer.kind in PERCENT_KINDS:
            if offer.per_customer is not None or offer.largest_value in numbers:
                continue
            problem = f"says {number:f}%, but {whose} is {offer.largest_value:f}%"
        else:
            problem = f"says {number:f}%, but {whose} takes no percentage off"
        yield Mismatch(
            file=file,
            line=written.line,
            kind=MismatchKind.OFFER,
            problem=problem,
            is_wrong=is_wrong,
            is_promise=written.is_promise,
        )


def bargains_claimed(file: str, text: str, offer: Offer, whose: str) -> Iterator[Mismatch]:
    """Yield what an e-mail promises in words and the offer isn't: an amount off, free shipping, half price."""
    words = own_words(text)
    found = [
        (each.words, f"says {each.words}, {why_wrong(each, whose)}", each.is_certain)
        for each in _untrue(words, offer)
    ]
    for each in amounts_promised(words) if offer.per_customer is None and offer.at_most is None else ():
        if offer.minimum_subtotal in each.numbers:
            continue  # “Rabatt ab 30 €”
        if offer.kind not in AMOUNT_KINDS:
            found.append((each.words, f"says {each.words}, but {whose} takes no amount off", True))
        elif offer.largest_value not in each.numbers:
            found.append(
                (each.words, f"says {each.words}, but {whose} takes {offer.largest_value:f} off", True)
            )
    for said, problem, is_certain in found:
        yield Mismatch(
            file=file,
            line=line_with(text, said) or 1,
            kind=MismatchKind.OFFER,
            problem=problem,
            is_wrong=False,
            is_promise=is_certain,
        )


def _untrue(words: str, offer: Offer) -> Iterator[Bargain]:
    percents = {offer.largest_value} if offer.coupon_kind in PERCENT_KINDS else set()
    return wrong_bargains(words, offer.kind, frozenset(percents), CodeTerms.of(offer))
