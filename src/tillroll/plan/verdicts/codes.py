"""Compare how easily a run's codes can be guessed with the guardrails; a refusal says which length would suffice."""

from __future__ import annotations

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.strength import (
    Strength,
    bits_of,
    guess_chance,
    say_chance,
    say_sufficient,
    strength_of,
    sufficient_length,
)
from tillroll.campaign.frozen.proposal import VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.text.percent import say_percent
from tillroll.plan.verdicts.held import OtherRuns, VerdictList


def strength_on(
    campaign: Campaign, code_format: CodeFormat, codes: int, others: OtherRuns
) -> Strength | None:
    """Return how hard the codes that a run draws are to guess; None if it draws none, as a shared code is chosen by a person."""
    if not codes or campaign.codes.shared is not None:
        return None
    live = min(others.codes, others.like_these)
    return strength_of(code_format, campaign.codes.prefix, new=codes, made=others.like_these, live=live)


def add_code_verdicts(
    held: VerdictList, guardrails: Guardrails, code_format: CodeFormat, prefix: str, strength: Strength
) -> None:
    """Add the verdicts on the strength of one code, and on the chance that many guesses hit any live code."""
    most, bits = float(guardrails.guess_chance), bits_of(code_format, prefix)
    chance = guess_chance(bits, strength.live)
    sufficient = sufficient_length(
        code_format, prefix, live=strength.live, least_bits=guardrails.least_bits, most_chance=most
    )
    instead = (
        say_sufficient(code_format, sufficient)
        if sufficient is not None
        else "no length suffices: use more symbols"
    )
    level = VerdictLevel.PASS if bits >= guardrails.least_bits else VerdictLevel.REFUSE
    text = f"codes of this format can be guessed ({strength.bits} bits); {instead}"
    held.add("least_bits", level, strength.bits, f"{guardrails.least_bits:.1f}", text)
    level = VerdictLevel.PASS if chance <= most else VerdictLevel.REFUSE
    text = f"a million guesses hit one of {strength.live:,} live codes with a chance of {say_chance(chance)}; {instead}"
    held.add("guess_chance", level, say_chance(chance), say_percent(float(f"{most * 100:g}")), text)
