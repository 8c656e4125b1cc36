"""Watched limits in words, for pages and commands."""

from __future__ import annotations

from tillroll.campaign.sentences.limits import say_budget, say_leaks, say_pause
from tillroll.campaign.states import LimitKind
from tillroll.ledger.limits.kept import KeptLimit


def limit_sentences(limit: KeptLimit, currency: str) -> tuple[str, ...]:
    """Return what a limit says now, without full stops: how near it is, and what was done."""
    said = (
        say_budget(given=limit.figure, budget=limit.bar, currency=currency, campaign=limit.campaign)
        if limit.kind is LimitKind.BUDGET
        else say_leaks(share=limit.figure, bar=limit.bar, campaign=limit.campaign)
    )
    if not limit.is_reached:
        return (said,)
    return said, say_pause(kind=limit.kind, campaign=limit.campaign, is_resumed=limit.resumed_at is not None)
