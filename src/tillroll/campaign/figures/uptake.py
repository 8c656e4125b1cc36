"""How many of a run's codes will be used: a range, from how earlier runs went. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

ENOUGH = 100
"""Fewer codes than this tell nothing."""

_SIZEABLE = 30  # codes of a run whose own share says something
_SEVERAL = 3  # runs whose shares make a range
_SURE = 1.645  # standard deviations: nine times in ten chance stays inside
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """One earlier run whose codes have expired."""

    given: int  # codes, or people who were given the one they share
    used: int  # orders with them


@dataclass(frozen=True, kw_only=True)
class Uptake:
    """The share of codes that are used, as fractions, and where that comes from."""

    low: Decimal
    likely: Decimal
    high: Decimal
    basis: str


ASSUMED = Uptake(
    low=Decimal("0.01"),
    likely=Decimal("0.05"),
    high=Decimal("0.15"),
    basis="assumed, since no earlier run has ended",
)
"""Where nothing is known."""


def uptake(own: Sequence[Earlier], alike: Sequence[Earlier]) -> Uptake:
    """From the campaign's own runs, else from those of other campaigns with the same kind of offer, else assumed."""
    for runs, whose in ((own, "of this campaign"), (alike, "of campaigns with this kind of offer")):
        if sum(one.given for one in runs) >= ENOUGH:
            return _from(runs, whose)
    few = sum(one.given for one in own)
    if not few:
        return ASSUMED
    basis = f"assumed, since {few} earlier code{'s' if few > 1 else ''} tell too little"
    return Uptake(low=ASSUMED.low, likely=ASSUMED.likely, high=ASSUMED.high, basis=basis)


def _from(runs: Sequence[Earlier], whose: str) -> Uptake:
    given, used = sum(one.given for one in runs), sum(one.used for one in runs)
    likely = _share(used, given)
    shares = [_share(one.used, one.given) for one in runs if one.given >= _SIZEABLE]
    if len(shares) >= _SEVERAL:
        low, high = min(*shares, likely), max(*shares, likely)
        basis = f"as in {len(runs)} earlier runs {whose}, from the worst to the best"
    else:
        low, high = _by_chance(min(used, given), given)
        low, high = min(low, likely), max(high, likely)
        basis = f"as {used} of {given} earlier codes {whose}, give or take chance"
    return Uptake(low=low, likely=likely, high=high, basis=basis)


def _share(used: int, given: int) -> Decimal:
    """A code that may be used more than once can make more orders than there are codes: that is counted as all of them."""
    return min(Decimal(1), Decimal(used) / given).quantize(_PLACES)


def _by_chance(used: int, given: int) -> tuple[Decimal, Decimal]:
    """Wilson's interval: where the true share lies, nine times in ten."""
    share, square = used / given, _SURE**2
    middle = (share + square / (2 * given)) / (1 + square / given)
    spread = _SURE * math.sqrt(share * (1 - share) / given + square / (4 * given**2)) / (1 + square / given)
    low = Decimal(max(0.0, middle - spread)).quantize(_PLACES, ROUND_FLOOR)
    return low, Decimal(min(1.0, middle + spread)).quantize(_PLACES, ROUND_CEILING)
