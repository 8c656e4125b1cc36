"""Which effect a comparison of two groups can show: known before anybody is written to. Pure."""

from __future__ import annotations

from math import ceil, inf, sqrt
from statistics import NormalDist

CONFIDENCE = 0.9
"""How often an interval holds the true effect."""

_POWER = 0.8  # how often an effect of the size asked for would be seen


def people_needed(*, share: float, control: float, more: float = 0.01, confidence: float = CONFIDENCE) -> int:
    """Return how many people both groups need, so that `more` buyers a person would most likely be seen; 0: it can't be said.

    `share` of the people buy, and `control` of the people are held back.
    """
    if not 0 < share < 1 or not 0 < control < 1:
        return 0
    return ceil(
        (_seen_from(confidence) / more) ** 2 * share * (1 - share) * (1 / control + 1 / (1 - control))
    )


def smallest_seen(*, share: float, treated: int, control: int, confidence: float = CONFIDENCE) -> float:
    """Return the smallest difference in the share of buyers that groups of this size would most likely show."""
    if not 0 < share < 1 or not treated or not control:
        return inf
    return _seen_from(confidence) * sqrt(share * (1 - share) * (1 / treated + 1 / control))


def _seen_from(confidence: float) -> float:
    """Return from how many standard errors on an effect is seen in `_POWER` of all cases."""
    normal = NormalDist()
    return normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(_POWER)
