"""Whether a campaign leaves out those whom it has just written to, as far as its segments alone tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tillroll.campaign.language.models import Who
from tillroll.campaign.segments.segment import Condition, Segment


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """One e-mail that somebody got."""

    campaign: str
    gap: timedelta  # how long ago
    has_code: bool


def leaves_out_its_own(
    who: Who, segments: Mapping[str, Segment], *, campaign: str, gap: timedelta, has_code: bool = True
) -> bool:
    """Return whether nobody who got an e-mail of `campaign` can be in this audience after `gap`."""
    sent = _Sent(campaign=campaign, gap=gap, has_code=has_code)
    excluded = any(_holds(segments[name].where, sent) is True for name in who.exclude)
    return excluded or (who.segment is not None and _holds(segments[who.segment].where, sent) is False)


def _holds(condition: Condition, sent: _Sent) -> bool | None:
    """Return whether a condition holds for somebody who got this e-mail; None if that doesn't tell."""
    name, value = condition.only_key
    if name == "not_":
        inner = _holds(value, sent)
        return None if inner is None else not inner
    if name in {"all", "any"}:
        decisive = name == "any"
        parts = [_holds(part, sent) for part in value]
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if name == "got_email" or (name == "got_code" and sent.has_code):
        return _is_within(value, sent.campaign, sent.gap) or None
    return None


def _is_within(history: Any, campaign: str, gap: timedelta) -> bool:
    """Return whether one e-mail of the campaign, `gap` ago, fulfils a condition on codes or e-mails."""
    named = not history.campaigns or campaign in history.campaigns
    lately = history.within is None or history.within >= gap
    return named and lately and (getattr(history, "at_least", None) or 1) == 1
