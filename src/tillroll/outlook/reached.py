"""Leave out of a forecast's runs those whom an earlier run reaches, where the campaign's segments exclude them for a time. Pure.

An audience is counted once, as it is now. A campaign that runs each week and excludes whoever got a code in the last 30 days
reaches these people in its first run, and not again in the next four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from tillroll.campaign.segments.after_sending import leaves_out_its_own
from tillroll.campaign.text.counts import count_of
from tillroll.outlook.coming import CostRange, ScheduledCampaign, UpcomingRun

Group = frozenset[str]
"""People who are in exactly these campaigns' audiences."""


def leave_out_reached(
    runs: Sequence[UpcomingRun], scheduled: Sequence[ScheduledCampaign], overlaps: Mapping[Group, int]
) -> list[UpcomingRun]:
    """Return the runs, in the order in which they begin, without the people whom their campaigns exclude by then."""
    by_name = {campaign.name: campaign for campaign in scheduled}

    @lru_cache(maxsize=10_000)
    def leaves_out(name: str, earlier: str, gap: timedelta) -> bool:
        """Whether a campaign excludes those who got another's e-mail, or its own, so long ago."""
        own, other = by_name[name], by_name[earlier]
        return leaves_out_its_own(
            own.who, own.segments, campaign=earlier, gap=gap, has_code=bool(other.gives)
        )

    heeds = {
        name: tuple(earlier for earlier in by_name if leaves_out(name, earlier, timedelta(0)))
        for name in by_name
    }
    latest: dict[tuple[Group, str], datetime] = {}
    reaching = []
    for run in runs:
        out = set[Group]()
        groups = [group for group in overlaps if run.campaign in group]
        for group in groups if heeds[run.campaign] else ():
            moments = ((earlier, latest.get((group, earlier))) for earlier in heeds[run.campaign])
            if any(
                at is not None and leaves_out(run.campaign, earlier, run.begins - at)
                for earlier, at in moments
            ):
                out.add(group)
        latest |= {(group, run.campaign): run.leaves for group in groups if group not in out}
        reaching.append(_without(run, frozenset(out), overlaps) if out else run)
    return reaching


def _without(run: UpcomingRun, out: frozenset[Group], overlaps: Mapping[Group, int]) -> UpcomingRun:
    """Return a run without some groups of its audience, and its cost in proportion."""
    left_out = min(run.people, sum(overlaps[group] for group in out))
    people = run.people - left_out
    money = run.money.times(Decimal(people) / Decimal(run.people)) if people else CostRange()
    note = (
        f"{left_out:,} of {count_of(run.people, 'person', 'people')} now in its audience are left out, since an earlier run "
        "reaches them; who joins until then isn't counted"
    )
    return replace(run, people=people, money=money, left_out=out, notes=(*run.notes, note))
