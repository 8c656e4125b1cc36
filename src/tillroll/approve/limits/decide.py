"""What to do about a watched limit. Pure."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from tillroll.campaign.states import LimitKind
from tillroll.ledger.limits.kept import KeptLimit

NEAR = Decimal("0.8")
"""The part of a budget from which on people are told."""


class LimitStep(StrEnum):
    """What is due about a limit."""

    NONE = "none"
    WARN = "warn"  # tell people that the bar is near
    PAUSE = "pause"  # pause the codes, and tell people
    STAY = (
        "stay"  # paused for this bar already: codes made since are paused too, unless a person resumed them
    )
    REARM = "rearm"  # the figure is below the bar again: it may be reached once more


def next_step(limit: KeptLimit, figure: Decimal) -> LimitStep:
    """Return what is due now. Codes that a person resumed stay so until the bar is changed, or reached again from below."""
    if figure >= limit.bar:
        return LimitStep.STAY if limit.is_reached else LimitStep.PAUSE
    if limit.paused_for is not None:
        return LimitStep.REARM
    if limit.kind is LimitKind.BUDGET and figure >= limit.bar * NEAR and limit.warned_for != limit.bar:
        return LimitStep.WARN
    return LimitStep.NONE
