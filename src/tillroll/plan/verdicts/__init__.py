"""Every guardrail held against one plan's figures, each verdict with its figure and its limit. Pure."""

from tillroll.plan.verdicts.codes import strength_on
from tillroll.plan.verdicts.days import calendar_verdicts
from tillroll.plan.verdicts.goods import BelowMargin, goods_verdicts, margin_verdicts
from tillroll.plan.verdicts.held import Others
from tillroll.plan.verdicts.run import verdicts

__all__ = [
    "BelowMargin",
    "Others",
    "calendar_verdicts",
    "goods_verdicts",
    "margin_verdicts",
    "strength_on",
    "verdicts",
]
