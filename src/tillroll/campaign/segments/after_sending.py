"""Whether a campaign leaves out those whom it has just written to, as far as its segments alone tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tillroll.campaign.language.models import Who
from tillroll.campaign.segments.segment import Condition, Segment


def leaves_out_its_own(who: Who, segments: Mapping[str, Segment], *, campaign: str, gap: timedelta) -> bool:
    """Return whether nobody who got an e-mail with a code of `campaign` can be in its audience again after `gap`."""
    excluded = any(_holds(segments[name].where, campaign, gap) is True for name in who.exclude)
    return excluded or (
        who.segment is not None and _holds(segments[who.segment].where, campaign, gap) is False
    )


def _holds(condition: Condition, campaign: str, gap: timedelta) -> bool | None:
    """Return whether a condition holds for somebody who got the campaign's code `gap` ago; None if that doesn't tell."""
    name, value = condition.only_key
    if name == "not_":
        inner = _holds(value, campaign, gap)
        return None if inner is None else not inner
    if name in {"all", "any"}:
        decisive = name == "any"
        parts = [_holds(part, campaign, gap) for part in value]
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if name in {"got_code", "got_email"}:
        return _is_within(value, campaign, gap) or None
    return None


def _is_within(history: Any, campaign: str, gap: timedelta) -> bool:
    """Return whether one e-mail of the campaign, `gap` ago, fulfils a condition on codes or e-mails."""
    named = not history.campaigns or campaign in history.campaigns
    lately = history.within is None or history.within >= gap
    return named and lately and (getattr(history, "at_least", None) or 1) == 1
