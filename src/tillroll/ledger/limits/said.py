"""Watched limits in words, for pages and commands."""

from __future__ import annotations

from tillroll.campaign.sentences.limits import say_budget, say_pause
from tillroll.ledger.limits.kept import KeptLimit


def limit_sentences(limit: KeptLimit, currency: str) -> tuple[str, ...]:
    """Return what a limit says now, without full stops: how near it is, and what was done."""
    said = say_budget(given=limit.figure, budget=limit.bar, currency=currency, campaign=limit.campaign)
    if not limit.is_reached:
        return (said,)
    return said, say_pause(campaign=limit.campaign, is_resumed=limit.resumed_at is not None)
