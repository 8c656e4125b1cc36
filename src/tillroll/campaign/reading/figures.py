"""The percentages and amounts that an e-mail says, against those of its offer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tillroll.campaign.language.models import PERCENT_KINDS, SHIPPING_KINDS, OfferKind
from tillroll.campaign.reading.discount_words import is_material, is_price, is_promise
from tillroll.campaign.reading.expected import CodeTerms, Expected
from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind
from tillroll.campaign.reading.said.bargains import Bargain, BargainKind, bargains_in
from tillroll.campaign.reading.said.quantities import amounts_in, percents_in

_DIRECTIONS = re.compile(r"[\u200e\u200f\u061c\u2066-\u2069]")
"""Signs between figures and words that are written from right to left; nobody sees them."""


def figures_in(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    """Yield the figures of a text that aren't the offer's; `own` are the template's own words."""
    if expected.kind is None:
        return
    text, own = _DIRECTIONS.sub("", text), _DIRECTIONS.sub("", own)
    yield from _percents(text, own, expected, part)
    yield from _amounts(text, own, expected, part)
    bargains = wrong_bargains(text, expected.kind, expected.percents, expected.terms)
    for bargain in bargains:
        literal = bargain.words if bargain.words in own else ""
        problem = f"it says {bargain.words}, {why_wrong(bargain)}"
        yield _figure(part, problem, literal, certain=bargain.is_certain)


@dataclass(frozen=True, kw_only=True)
class AmountPromised:
    """An amount that the words beside it say is taken off."""

    words: str
    numbers: frozenset[Decimal]  # that it may mean


@lru_cache(maxsize=4_000)
def amounts_promised(text: str) -> tuple[AmountPromised, ...]:
    """Return the amounts in any currency that a text says are taken off."""
    return tuple(
        AmountPromised(words=text[each.start : each.end].strip(), numbers=each.numbers)
        for each in amounts_in(text, "")
        if is_promise(text, each.start, each.end)
    )


def why_wrong(bargain: Bargain, whose: str = "the offer") -> str:
    """Return as a clause why an offer isn't a bargain."""
    match bargain.kind:
        case BargainKind.ALL:
            return f"but {whose} is for some goods alone"
        case BargainKind.NO_MINIMUM:
            return f"but {whose} has a minimum"
        case BargainKind.OFTEN:
            return f"but a code of {whose} works once"
        case _:
            return f"which {whose} doesn't give"


def wrong_bargains(
    text: str, kind: OfferKind, percents: frozenset[Decimal], terms: CodeTerms
) -> Iterator[Bargain]:
    """Yield the bargains without a figure that a text names and that an offer isn't."""
    for bargain in bargains_in(text):
        match bargain.kind:
            case BargainKind.SHIPPING:
                is_true = kind in SHIPPING_KINDS
            case BargainKind.HALF:
                is_true = 50 in percents
            case BargainKind.ALL:
                is_true = not terms.is_limited
            case BargainKind.NO_MINIMUM:
                is_true = not terms.has_minimum
            case BargainKind.OFTEN:
                is_true = not terms.is_once
            case _:
                is_true = False
        if not is_true:
            yield bargain


def _percents(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    for each in percents_in(text):
        said = text[each.start : each.end].strip()
        if each.numbers & expected.percents or _is_of_a_name(said, expected):
            continue
        literal = said if said in own else ""
        promised = is_promise(text, each.start, each.end)
        if not promised and (100 in each.numbers or is_material(text, each.end)):
            continue
        if expected.kind in PERCENT_KINDS:
            problem = f"it says {said}, but the offer is {_said(expected.percents)}%"
            yield _figure(part, problem, literal, certain=promised)
        else:
            shows_value = not literal and expected.value in each.numbers
            problem = f"it says {said}, but the offer takes no percentage off"
            yield _figure(part, problem, literal, certain=promised or shows_value)


def _amounts(text: str, own: str, expected: Expected, part: EmailPart) -> Iterator[WordFault]:
    for each in amounts_in(text, expected.currency):
        said = text[each.start : each.end].strip()
        if _is_of_a_name(said, expected):
            continue
        literal = said if said in own else ""
        promised = is_promise(text, each.start, each.end)
        true = bool(each.numbers & (expected.off | expected.amounts))
        if expected.currency not in each.currencies:
            if promised or (true and not each.is_word):
                problem = f"it says {said}, but the store sells in {expected.currency}"
                yield _figure(part, problem, literal, certain=True)
            elif not each.is_word:
                yield _wrong_amount(each.numbers, said, literal, expected, part, promised=False)
        elif not true and (promised or not (literal and is_price(text, each.start))):
            yield _wrong_amount(each.numbers, said, literal, expected, part, promised=promised)


def _wrong_amount(
    numbers: frozenset[Decimal],
    said: str,
    literal: str,
    expected: Expected,
    part: EmailPart,
    *,
    promised: bool,
) -> WordFault:
    shows_value = not literal and expected.value in numbers and expected.kind in PERCENT_KINDS
    gives = f"{_said(expected.off)} {expected.currency}" if expected.off else "no amount"
    least = f", and its other amounts are {_said(expected.amounts)}" if expected.amounts else ""
    problem = f"it says {said}, but the offer takes {gives} off{least}"
    return _figure(part, problem, literal, certain=promised or shows_value)


def _figure(part: EmailPart, problem: str, literal: str, *, certain: bool) -> WordFault:
    return WordFault(kind=WordKind.FIGURES, part=part, problem=problem, literal=literal, is_certain=certain)


def _said(numbers: frozenset[Decimal]) -> str:
    ordered = sorted(numbers)
    if not ordered:
        return "0"
    return (
        f"{ordered[0].normalize():f}"
        if len(ordered) == 1
        else f"{ordered[0].normalize():f} to {ordered[-1].normalize():f}"
    )


def _is_of_a_name(said: str, expected: Expected) -> bool:
    return any(said in name for name in expected.names)
