"""The expected share of codes that will be used, as a range from earlier runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

ENOUGH = 100
"""The fewest earlier codes for an estimate."""

_SIZEABLE = 30  # the fewest codes of a run whose own share counts
_SEVERAL = 3  # the fewest such runs for a range
_SURE = 1.645  # standard deviations of a 90% interval
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class EarlierRun:
    """One earlier run whose codes have expired."""

    given: int  # codes, or recipients of a shared code
    used: int  # orders with them


@dataclass(frozen=True, kw_only=True)
class Uptake:
    """The share of codes that will be used, as fractions, and its basis in words."""

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
"""The estimate without any earlier runs."""


def uptake(own: Sequence[EarlierRun], alike: Sequence[EarlierRun]) -> Uptake:
    """Estimate from the campaign's own runs, else from campaigns with the same kind of offer, else by assumption."""
    for runs, origin in ((own, "of this campaign"), (alike, "of campaigns with this kind of offer")):
        if sum(run.given for run in runs) >= ENOUGH:
            return _from(runs, origin)
    few = sum(run.given for run in own)
    if not few:
        return ASSUMED
    basis = f"assumed, since {few} earlier {'code is' if few == 1 else 'codes are'} too few"
    return Uptake(low=ASSUMED.low, likely=ASSUMED.likely, high=ASSUMED.high, basis=basis)


def _from(runs: Sequence[EarlierRun], origin: str) -> Uptake:
    given, used = sum(run.given for run in runs), sum(run.used for run in runs)
    likely = _share(used, given)
    shares = [_share(run.used, run.given) for run in runs if run.given >= _SIZEABLE]
    if len(shares) >= _SEVERAL:
        low, high = min(*shares, likely), max(*shares, likely)
        basis = f"as in {len(runs)} earlier runs {origin}, from the worst to the best"
    else:
        low, high = _by_chance(min(used, given), given)
        low, high = min(low, likely), max(high, likely)
        basis = f"as {used} of {given} earlier codes {origin}, within a 90% interval"
    return Uptake(low=low, likely=likely, high=high, basis=basis)


def _share(used: int, given: int) -> Decimal:
    """Return the share used, at most 1: codes for several uses can have more orders than codes."""
    return min(Decimal(1), Decimal(used) / given).quantize(_PLACES)


def _by_chance(used: int, given: int) -> tuple[Decimal, Decimal]:
    """Return Wilson's 90% interval for the true share."""
    share, square = used / given, _SURE**2
    middle = (share + square / (2 * given)) / (1 + square / given)
    spread = _SURE * math.sqrt(share * (1 - share) / given + square / (4 * given**2)) / (1 + square / given)
    low = Decimal(max(0.0, middle - spread)).quantize(_PLACES, ROUND_FLOOR)
    return low, Decimal(min(1.0, middle + spread)).quantize(_PLACES, ROUND_CEILING)
