"""How much more those ordered who were written to, and how sure that is. Pure.

Both groups are counted as they were drawn, whether or not an e-mail arrived or a code was used (intention to treat): the draw
alone makes them alike. A difference of shares has Newcombe's interval, made of two Wilson intervals, which holds for small shares
too (R. Newcombe, Statistics in Medicine 17, 1998, method 10). A difference of means has Welch's.

While a campaign goes on, somebody looks every day, and an interval for one look would be left sooner or later by chance. Its
interval is then an asymptotic confidence sequence, which is right at all looks together (Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", 2021, theorem 2.2). It is wider.

scipy has the distributions and Wilson's interval; statsmodels would bring pandas for the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from math import log, sqrt

from tillroll.campaign.figures.power import CONFIDENCE, people_needed

_TIGHTEST_AT = (
    2_000  # people: where a running interval is at its tightest; it has to be fixed before anybody looks
)
_LEAST_PEOPLE = 30  # in each group; fewer have no distribution to speak of
_LEAST_BUYERS = 5  # in both together


@dataclass(frozen=True, kw_only=True)
class GroupOutcome:
    """What one of the two groups did, all orders together, with the code or without."""

    people: int
    buyers: int  # of those, how many ordered
    revenue: Decimal = Decimal(0)  # of all their orders
    squares: Decimal = Decimal(0)  # the sum of the squares of each buyer's revenue

    @property
    def share(self) -> float:
        """The share of people who ordered."""
        return self.buyers / self.people if self.people else 0.0

    @property
    def mean(self) -> float:
        """The revenue of a person."""
        return float(self.revenue) / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """The variance of a person's revenue."""
        if self.people < 2:
            return 0.0
        spread = float(self.squares) - self.people * self.mean**2
        return max(0.0, spread) / (self.people - 1)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and the range in which the true one lies, in `CONFIDENCE` of all cases."""

    low: float
    middle: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether zero is outside."""
        return self.low > 0 or self.high < 0


class EffectKind(StrEnum):
    """What can be said of an effect."""

    NO_CONTROL = "no_control"  # nobody was held back, so nothing can be compared
    TOO_EARLY = "too_early"  # nobody's time to order is over yet
    TOO_FEW = "too_few"  # too few people, or too few orders
    UNCLEAR = "unclear"  # the interval holds zero
    MORE = "more"  # more people ordered
    FEWER = "fewer"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a campaign changed, as far as it can be said."""

    kind: EffectKind
    treated: GroupOutcome
    control: GroupOutcome
    orders: Interval | None = None  # more buyers, as a share of the people
    revenue: Interval | None = None  # more revenue a person
    needed: int = 0  # people in both groups, to see one more buyer in a hundred; 0: not known
    is_final: bool = False  # nobody joins any more, so one interval for one look is right


def effect_of(
    treated: GroupOutcome,
    control: GroupOutcome,
    *,
    held_back: int,
    is_final: bool,
    confidence: float = CONFIDENCE,
) -> Effect:
    """Compare two groups of people whose time to order is over. `held_back`: people of the control group, whatever their time."""
    effect = Effect(kind=EffectKind.NO_CONTROL, treated=treated, control=control, is_final=is_final)
    if not held_back:
        return effect
    if not control.people or not treated.people:
        return replace(effect, kind=EffectKind.TOO_EARLY)
    needed = people_needed(
        share=(treated.buyers + control.buyers) / (treated.people + control.people),
        control=control.people / (treated.people + control.people),
    )
    if min(treated.people, control.people) < _LEAST_PEOPLE or treated.buyers + control.buyers < _LEAST_BUYERS:
        return replace(effect, kind=EffectKind.TOO_FEW, needed=needed)
    if is_final:
        orders = difference_of_shares(treated, control, confidence)
        revenue = difference_of_means(treated, control, confidence)
    else:
        orders = running_difference(_of_buyers(treated), _of_buyers(control), confidence)
        revenue = running_difference(treated, control, confidence)
    kind = EffectKind.UNCLEAR
    if orders.is_clear:
        kind = EffectKind.MORE if orders.middle > 0 else EffectKind.FEWER
    return replace(effect, kind=kind, orders=orders, revenue=revenue, needed=needed)


def _of_buyers(group: GroupOutcome) -> GroupOutcome:
    """Return a group in which each buyer counts as one: their share as a mean."""
    count = Decimal(group.buyers)
    return GroupOutcome(people=group.people, buyers=group.buyers, revenue=count, squares=count)


def share_interval(successes: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Return a share with Wilson's interval. `of` is at least 1."""
    from scipy.stats import binomtest  # takes a second to import

    found = binomtest(successes, of).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(low=float(found.low), middle=successes / of, high=float(found.high))


def difference_of_shares(
    treated: GroupOutcome, control: GroupOutcome, confidence: float = CONFIDENCE
) -> Interval:
    """Return how much larger the share of buyers is among the treated, with Newcombe's interval."""
    ours = share_interval(treated.buyers, treated.people, confidence)
    theirs = share_interval(control.buyers, control.people, confidence)
    middle = ours.middle - theirs.middle
    return Interval(
        low=middle - sqrt((ours.middle - ours.low) ** 2 + (theirs.high - theirs.middle) ** 2),
        middle=middle,
        high=middle + sqrt((ours.high - ours.middle) ** 2 + (theirs.middle - theirs.low) ** 2),
    )


def difference_of_means(
    treated: GroupOutcome, control: GroupOutcome, confidence: float = CONFIDENCE
) -> Interval:
    """Return how much more revenue a person brings among the treated, with Welch's interval."""
    from scipy.stats import t

    middle = treated.mean - control.mean
    parts = [group.variance / group.people for group in (treated, control)]
    error = sqrt(sum(parts))
    if not error:
        return Interval(low=middle, middle=middle, high=middle)
    degrees = sum(parts) ** 2 / sum(
        part**2 / (group.people - 1) for part, group in zip(parts, (treated, control), strict=True)
    )
    reach = float(t.ppf((1 + confidence) / 2, degrees)) * error
    return Interval(low=middle - reach, middle=middle, high=middle + reach)


def running_difference(
    treated: GroupOutcome, control: GroupOutcome, confidence: float = CONFIDENCE
) -> Interval:
    """Return the difference of two means with an interval that is right at every look."""
    middle = treated.mean - control.mean
    error = sum(group.variance / group.people for group in (treated, control))
    people, alpha = treated.people + control.people, 1 - confidence
    tuned = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / _TIGHTEST_AT
    grown = people * tuned + 1
    reach = sqrt(error * people) * sqrt(2 * grown / (people**2 * tuned) * log(sqrt(grown) / alpha))
    return Interval(low=middle - reach, middle=middle, high=middle + reach)
