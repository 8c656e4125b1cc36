"""Warn of people who would get the same campaign's code again: while they hold one, after they had one, or at each slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.overlap import Overlap, OverlapStage
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails

_MONTH = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """How often a campaign writes to the same people."""

    before: int = 0  # recipients who got a code of this campaign before
    latest: datetime | None = None  # when the last of those codes left
    next_time: int = 0  # recipients who would get another one at the next slot
    next_at: datetime | None = None  # that slot; None: there is none, or nobody would get another one
    gap: timedelta = timedelta(0)  # until that slot


def again_verdicts(
    crossings: Sequence[Overlap], guardrails: Guardrails, *, campaign: str, count: int, sent_by: str = ""
) -> tuple[Verdict, ...]:
    """Compare a plan for `count` people with those of them who hold an unused code of the same campaign.

    `sent_by`: the program that sends the codes; empty: Tillroll does.
    """
    holding = [
        each for each in crossings if each.campaign == campaign and each.standing is OverlapStage.HOLDS
    ]
    people = max((each.people for each in holding), default=0)
    if not people:
        return ()
    have = "holds" if people == 1 else "hold"
    text = f"{people:,} of {count:,} {have} an unused code of {campaign} that still works; "
    text += _leave_out(campaign, _MONTH, sent_by)
    level = VerdictLevel(guardrails.holds_code_already)
    return (Verdict(rule="holds_code_already", level=level, measured=str(people), limit="0", text=text),)


def repeat_verdicts(
    repeats: Repeats,
    guardrails: Guardrails,
    *,
    campaign: str,
    count: int,
    zone: ZoneInfo,
    sent_by: str = "",
) -> tuple[Verdict, ...]:
    """Compare a plan for `count` people with those who got its campaign's code before, or would get one again."""
    clauses, longest = [], max(_MONTH, timedelta(days=repeats.gap.days + 1))
    if repeats.before and repeats.latest is not None:
        latest = repeats.latest.astimezone(zone)
        clauses.append(
            f"{repeats.before:,} of {count:,} got a code of {campaign} before, the last one on {latest:%d %B %Y}"
        )
    if repeats.next_time and repeats.next_at is not None:
        at = repeats.next_at.astimezone(zone)
        clauses.append(
            f"{repeats.next_time:,} of {count:,} would get another code at its next slot, {at:%a %d %B %Y %H:%M}"
        )
    if not clauses:
        return ()
    return (
        Verdict(
            rule="repeats",
            level=VerdictLevel(guardrails.repeats),
            measured=str(max(repeats.before, repeats.next_time)),
            limit="0",
            text=f"{'; '.join(clauses)}; {_leave_out(campaign, longest, sent_by)}",
        ),
    )


def _leave_out(campaign: str, within: timedelta, sent_by: str) -> str:
    """Return how to leave out those who got a code of the campaign."""
    if sent_by:
        return f"got_code: doesn't leave them out, since {sent_by} sends the codes"
    return f"to leave them out, exclude a segment with got_code: {{campaigns: [{campaign}], within: {within.days}d}}"
