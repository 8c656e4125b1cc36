"""Intervals of an effect: published figures, and how often they hold the true one."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sqrt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.power import people_needed, smallest_seen
from tillroll.track.results.effect.estimate import (
    Effect,
    EffectKind,
    GroupOutcome,
    difference_of_means,
    difference_of_shares,
    effect_of,
    running_difference,
    share_interval,
)
from tillroll.track.results.effect.outcomes import CampaignEffect
from tillroll.track.results.effect.sentences import say_effect

SEEDS = 200
LJUBLJANA = ZoneInfo("Europe/Ljubljana")


def group(people: int, buyers: int, each: str = "40") -> GroupOutcome:
    amount = Decimal(each)
    return GroupOutcome(
        people=people, buyers=buyers, revenue=buyers * amount, squares=buyers * amount * amount
    )


@pytest.mark.parametrize(  # R. Newcombe, Statistics in Medicine 17 (1998), table II, method 10
    ("ours", "theirs", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_a_difference_of_shares_has_the_published_interval(
    ours: tuple[int, int], theirs: tuple[int, int], low: float, high: float
) -> None:
    found = difference_of_shares(group(ours[1], ours[0]), group(theirs[1], theirs[0]), 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_a_share_has_wilsons_interval() -> None:
    found = share_interval(81, 263, 0.95)  # the same paper's companion, table I: 0.2553 to 0.3662
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


class Shoppers:
    """People of whom a share buys, each for a different amount."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def group(self, people: int, share: float) -> GroupOutcome:
        spent = [
            Decimal(str(round(self._random.lognormvariate(3.5, 0.6), 2)))
            for _ in range(people)
            if self._random.random() < share
        ]
        return GroupOutcome(
            people=people,
            buyers=len(spent),
            revenue=sum(spent, Decimal(0)),
            squares=sum((amount * amount for amount in spent), Decimal(0)),
        )


def test_nine_of_ten_intervals_hold_the_true_effect() -> None:
    """In 85 to 95 % of 200 seeds, for the share of buyers and for the revenue of a person."""
    average = 2.718281828 ** (3.5 + 0.6**2 / 2)
    shares = means = 0
    for seed in range(SEEDS):
        shoppers = Shoppers(seed)
        treated, control = shoppers.group(1_800, 0.09), shoppers.group(400, 0.06)
        orders, revenue = difference_of_shares(treated, control), difference_of_means(treated, control)
        shares += orders.low <= 0.03 <= orders.high
        means += revenue.low <= 0.03 * average <= revenue.high
    assert 0.85 * SEEDS <= shares <= 0.95 * SEEDS
    assert 0.85 * SEEDS <= means <= 0.95 * SEEDS


def test_a_running_interval_holds_the_true_effect_at_every_look() -> None:
    """Twenty looks at a campaign without effect: a fixed interval claims one in more than a third of the cases."""
    wrong = {True: 0, False: 0}
    for seed in range(SEEDS):
        shoppers = Shoppers(seed)
        treated = control = GroupOutcome(people=0, buyers=0)
        claimed = {True: False, False: False}
        for _ in range(20):
            treated, control = (
                GroupOutcome(
                    people=was.people + new.people,
                    buyers=was.buyers + new.buyers,
                    revenue=was.revenue + new.revenue,
                    squares=was.squares + new.squares,
                )
                for was, new in (
                    (treated, shoppers.group(90, 0.08)),
                    (control, shoppers.group(90, 0.08)),
                )
            )
            for is_final in claimed:
                found = effect_of(treated, control, held_back=control.people, is_final=is_final)
                claimed[is_final] |= found.kind in {EffectKind.MORE, EffectKind.FEWER}
        for is_final, was_claimed in claimed.items():
            wrong[is_final] += was_claimed
    assert wrong[False] <= 0.1 * SEEDS
    assert wrong[True] > 0.3 * SEEDS, "then the running interval would not be needed"


@given(st.integers(1, 5_000), st.integers(1, 5_000), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_every_interval_is_in_order(ours: int, theirs: int, some: float, others: float, final: bool) -> None:
    treated, control = group(ours, int(ours * some)), group(theirs, int(theirs * others))
    found = effect_of(treated, control, held_back=theirs, is_final=final)
    for interval in (found.orders, found.revenue):
        if interval is not None:
            assert interval.low <= interval.middle <= interval.high
    assert (found.orders is None) == (found.kind in {EffectKind.TOO_FEW, EffectKind.TOO_EARLY})
    assert found.needed >= 0


def test_the_size_that_is_asked_for_is_the_size_that_is_seen() -> None:
    needed = people_needed(share=0.06, control=0.1)
    seen = smallest_seen(share=0.06, treated=round(needed * 0.9), control=round(needed * 0.1))
    assert abs(seen - 0.01) < 0.0001
    assert needed == pytest.approx(
        (1.645 + 0.842) ** 2 * 0.06 * 0.94 * (1 / 0.1 + 1 / 0.9) / 0.01**2, rel=0.002
    )


def test_a_running_interval_is_wider_and_shrinks() -> None:
    few = running_difference(group(900, 80), group(100, 6))
    many = running_difference(group(90_000, 8_000), group(10_000, 600))
    once = difference_of_means(group(900, 80), group(100, 6))
    assert few.low < once.low < once.high < few.high
    assert (many.high - many.low) * sqrt(50) < few.high - few.low


def said(effect: Effect, **values: object) -> str:
    found = {"window": timedelta(days=21), "waiting": 0, "first_over_at": None, **values}
    return say_effect(CampaignEffect(effect=effect, **found), currency="EUR", zone=LJUBLJANA)  # type: ignore[arg-type]


def test_what_is_said_of_an_effect() -> None:
    none = group(0, 0)
    assert said(effect_of(none, none, held_back=0, is_final=True)).startswith("Nobody was held back")
    early = effect_of(none, none, held_back=10, is_final=False)
    over = datetime(2026, 12, 20, 23, 30, tzinfo=UTC)
    assert said(early, first_over_at=over) == (
        "Too early to tell: the first people's time to order ends on 21 December 2026."
    )
    few = said(effect_of(group(200, 9), group(20, 1), held_back=20, is_final=True))
    assert few == (
        "Too few people to tell: 200 were written to, of whom 9 ordered, and 20 were held back, of whom 1 ordered."
        " You would need 33,000 people in all to see 1 more order in 100; there are 220."
    )
    more = said(effect_of(group(9_000, 810), group(1_000, 60), held_back=1_000, is_final=True))
    assert more == (
        "For every 100 people written to, about 3 more ordered; between 1.6 and 4.2."
        " They spent about €1.20 more a person; between €0.67 and €1.73."
    )
    fewer = said(effect_of(group(9_000, 540), group(1_000, 90), held_back=1_000, is_final=True))
    assert fewer.startswith("For every 100 people written to, about 3 fewer ordered; between 1.6 and 4.7.")
    unclear = said(effect_of(group(900, 70), group(100, 7), held_back=100, is_final=True))
    assert unclear.startswith(
        "No clear effect: for every 100 people written to, between 4.8 fewer and 4.3 more ordered."
    )
    going_on = said(effect_of(group(90_000, 8_100), group(10_000, 600), held_back=10_000, is_final=False))
    assert going_on.endswith("The range is wide enough to look at every day while the campaign goes on.")
