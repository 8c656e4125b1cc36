"""Verdicts: a plan's figures compared with each guardrail, with the figure and the limit. Pure."""

from tillroll.plan.verdicts.again import again_verdicts, repeat_verdicts
from tillroll.plan.verdicts.codes import strength_on
from tillroll.plan.verdicts.complaints import complaint_verdicts
from tillroll.plan.verdicts.days import calendar_verdicts
from tillroll.plan.verdicts.goods import BelowMargin, goods_verdicts, margin_verdicts
from tillroll.plan.verdicts.held import OtherRuns
from tillroll.plan.verdicts.links import link_verdicts
from tillroll.plan.verdicts.names import name_verdicts
from tillroll.plan.verdicts.refused import refused_code_verdicts
from tillroll.plan.verdicts.run import verdicts
from tillroll.plan.verdicts.words import advice_verdicts, claim_verdicts, currency_verdicts
from tillroll.rendering.reading.verdicts import email_verdicts

__all__ = [
    "BelowMargin",
    "OtherRuns",
    "advice_verdicts",
    "again_verdicts",
    "calendar_verdicts",
    "claim_verdicts",
    "complaint_verdicts",
    "currency_verdicts",
    "email_verdicts",
    "goods_verdicts",
    "link_verdicts",
    "margin_verdicts",
    "name_verdicts",
    "refused_code_verdicts",
    "repeat_verdicts",
    "strength_on",
    "verdicts",
]
