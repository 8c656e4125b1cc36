"""How easily a run's codes are guessed, held against the policy; a refusal says which length would do."""

from __future__ import annotations

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.strength import (
    Strength,
    bits_of,
    guess_chance,
    length_that_does,
    say_chance,
    strength_of,
)
from tillroll.campaign.frozen.proposal import Level
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.plan.verdicts.held import Held, Others


def strength_on(campaign: Campaign, code_format: CodeFormat, codes: int, others: Others) -> Strength | None:
    """How hard the codes that a run draws are to guess; None when it draws none: a shared one is as somebody chose it."""
    if not codes or campaign.codes.shared is not None:
        return None
    live = min(others.codes, others.like_these)
    return strength_of(code_format, campaign.codes.prefix, new=codes, made=others.like_these, live=live)


def of_codes(
    held: Held, guardrails: Guardrails, code_format: CodeFormat, prefix: str, strength: Strength
) -> None:
    """The floor for one code, and the chance of many guesses among all that are live."""
    most, bits = float(guardrails.guess_chance), bits_of(code_format, prefix)
    chance = guess_chance(bits, strength.live)
    does = length_that_does(
        code_format, prefix, live=strength.live, least_bits=guardrails.least_bits, most_chance=most
    )
    instead = f"length: {does} would do" if does is not None else "no length would do: use more symbols"
    level = Level.PASS if bits >= guardrails.least_bits else Level.REFUSE
    text = f"codes of this format can be guessed ({strength.bits} bits); {instead}"
    held.add("least_bits", level, strength.bits, f"{guardrails.least_bits:.1f}", text)
    level = Level.PASS if chance <= most else Level.REFUSE
    text = f"a million guesses hit one of {strength.live:,} live codes with a chance of {say_chance(chance)}; {instead}"
    held.add("guess_chance", level, say_chance(chance), f"{most * 100:g} %", text)
