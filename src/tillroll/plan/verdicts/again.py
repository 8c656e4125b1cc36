"""Warn of people who would get the same campaign's code again while they hold one."""

from __future__ import annotations

from collections.abc import Sequence

from tillroll.campaign.frozen.overlap import Overlap, OverlapStage
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails


def again_verdicts(
    crossings: Sequence[Overlap], guardrails: Guardrails, *, campaign: str, count: int
) -> tuple[Verdict, ...]:
    """Compare a plan for `count` people with those of them who hold an unused code of the same campaign."""
    holding = [
        each for each in crossings if each.campaign == campaign and each.standing is OverlapStage.HOLDS
    ]
    people = max((each.people for each in holding), default=0)
    if not people:
        return ()
    have = "holds" if people == 1 else "hold"
    text = (
        f"{people:,} of {count:,} {have} an unused code of {campaign} that still works; "
        f"to leave them out, exclude a segment with got_code: {{campaigns: [{campaign}], within: 30d}}"
    )
    level = VerdictLevel(guardrails.holds_code_already)
    return (Verdict(rule="holds_code_already", level=level, measured=str(people), limit="0", text=text),)
