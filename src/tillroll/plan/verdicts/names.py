"""Warn of segments that name what no customer of the store has."""

from __future__ import annotations

from collections.abc import Sequence

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails


def name_verdicts(unknown: Sequence[str], guardrails: Guardrails) -> tuple[Verdict, ...]:
    """Return a verdict on the names that nobody has, each a clause of `plan.segments.names`; none if all names are known."""
    if not unknown:
        return ()
    return (
        Verdict(
            rule="unknown_names",
            level=VerdictLevel(guardrails.unknown_names),
            measured=f"{len(unknown)} unknown",
            limit="0",
            text="; ".join(unknown),
        ),
    )
