"""Play the schedules forward: which runs will happen, which will not and why, and what each week brings. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from tillroll.campaign.language.models import Status
from tillroll.campaign.timing.quiet import earliest_send
from tillroll.campaign.timing.schedule import MOST_SLOTS, Slot, due, next_slot, say_clock_change, slots
from tillroll.campaign.timing.validity import validity
from tillroll.outlook.coming import (
    AwaitedCampaign,
    CalendarForecast,
    CostRange,
    ForecastWindow,
    NoRun,
    ScheduledCampaign,
    UpcomingRun,
    Week,
)
from tillroll.outlook.reached import leave_out_reached

_ASLEEP = {Status.DRAFT: "a draft", Status.PAUSED: "paused", Status.ENDED: "ended"}


def why_asleep(status: Status, halted_by: str = "") -> str:
    """Return why the worker does not act on a campaign; empty if it does."""
    return _ASLEEP.get(status, f"halted by {halted_by}" if halted_by else "")


def forecast(
    scheduled: Sequence[ScheduledCampaign],
    awaited: Sequence[AwaitedCampaign],
    overlaps: Mapping[frozenset[str], int],
    window: ForecastWindow,
    *,
    asides: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> CalendarForecast:
    """Return the forecast for a window of days.

    `overlaps` says how many people are in exactly these campaigns' audiences; `limit` is how many e-mails a week the guardrails
    allow one person; `asides` are campaigns without a schedule or an event, with the reason.
    """
    runs: list[UpcomingRun] = []
    no_runs = [NoRun(campaign=name, why=why) for name, why in (asides or {}).items()]
    for campaign in scheduled:
        for outcome in _play(campaign, window):
            if isinstance(outcome, UpcomingRun):
                runs.append(outcome)
            else:
                no_runs.append(outcome)
    runs.sort(key=lambda run: (run.begins, run.campaign))
    runs = leave_out_reached(runs, scheduled, overlaps)
    no_runs.sort(key=lambda no_run: (no_run.at or window.until, no_run.campaign))
    weeks = tuple(_weeks(runs, overlaps, window, limit))
    return CalendarForecast(runs=tuple(runs), awaited=tuple(awaited), not_coming=tuple(no_runs), weeks=weeks)


def _play(campaign: ScheduledCampaign, window: ForecastWindow) -> Iterator[UpcomingRun | NoRun]:
    """Yield the runs of one campaign within the window, and those that will not happen."""
    if asleep := why_asleep(campaign.status, campaign.halted_by):
        yield from _asleep(campaign, asleep, window)
    elif campaign.when.manual:
        yield NoRun(campaign=campaign.name, why=f"only started by hand: tillroll run {campaign.name}")
    else:
        yield from _awake(campaign, window)


def _asleep(campaign: ScheduledCampaign, why: str, window: ForecastWindow) -> Iterator[NoRun]:
    """Yield each slot that a campaign skips, or, if there is none, the campaign itself."""
    skipped = list(islice(_upcoming(campaign, window), MOST_SLOTS))
    for slot in skipped:
        yield NoRun(campaign=campaign.name, why=why, key=slot.key, at=slot.at)
    if not skipped:
        yield NoRun(campaign=campaign.name, why=why)


def _awake(campaign: ScheduledCampaign, window: ForecastWindow) -> Iterator[UpcomingRun | NoRun]:
    """Yield the runs of a campaign that the worker acts on, or why there are none."""
    has_run = False
    if window.start <= window.now:
        missed = due(
            campaign.when,
            zone=campaign.zone,
            first_seen=campaign.first_seen,
            considered_until=campaign.considered_until,
            now=window.now,
        )
        for slot, reason in missed.skipped:
            yield NoRun(campaign=campaign.name, why=reason, key=slot.key, at=slot.at)
        for slot in missed.run:
            has_run = True
            yield _run_or_not(campaign, slot, window)
    for number, slot in enumerate(_upcoming(campaign, window)):
        if number == MOST_SLOTS:
            yield NoRun(
                campaign=campaign.name,
                why=f"more runs follow: only the first {MOST_SLOTS} are shown",
                at=slot.at,
            )
            return
        has_run = True
        yield _run_or_not(campaign, slot, window)
    if not has_run:
        yield NoRun(campaign=campaign.name, why=_why_none(campaign, window))


def _upcoming(campaign: ScheduledCampaign, window: ForecastWindow) -> Iterator[Slot]:
    after = max(window.start - timedelta(microseconds=1), window.now)
    if campaign.when.on is None and not campaign.when.manual:
        yield from slots(
            campaign.when, zone=campaign.zone, first_seen=campaign.first_seen, after=after, until=window.until
        )


def _why_none(campaign: ScheduledCampaign, window: ForecastWindow) -> str:
    following = next_slot(
        campaign.when, zone=campaign.zone, first_seen=campaign.first_seen, after=window.until
    )
    if following is not None:
        return f"nothing scheduled in these days; next on {_say_moment(following.at, window.zone)}"
    if campaign.when.at is not None:
        return f"its only moment, {campaign.when.at:%Y-%m-%d %H:%M}, is over"
    return "nothing scheduled within two years"


def _run_or_not(campaign: ScheduledCampaign, slot: Slot, window: ForecastWindow) -> UpcomingRun | NoRun:
    begins = max(slot.at, window.now)
    if campaign.calendar.is_blackout(slot.at.astimezone(campaign.zone).date()):
        why = "a blackout day of rules/calendar.yaml: its plan would be refused"
        return NoRun(campaign=campaign.name, why=why, key=slot.key, at=slot.at)
    if campaign.refused:
        why = f"its plan would be refused now: {campaign.refused}"
        return NoRun(campaign=campaign.name, why=why, key=slot.key, at=slot.at)
    leaves = _leaves(campaign, begins)
    reminds = _reminds(campaign, begins, window.zone)
    notes = [
        say_clock_change(slot, campaign.when, campaign.zone),
        "missed, so it runs now" if slot.at < window.now else "",
        f"its audience is not known yet: {campaign.reason_unknown}" if campaign.reason_unknown else "",
        _say_expired(campaign, begins, window.zone),
        _say_wait(campaign, begins, leaves, window.zone),
    ]
    return UpcomingRun(
        campaign=campaign.name,
        title=campaign.title,
        key=slot.key,
        at=slot.at,
        begins=begins,
        leaves=leaves,
        people=campaign.people,
        gives=campaign.gives,
        money=campaign.money,
        notes=tuple(note for note in notes if note),
        reminds=_leaves(campaign, reminds) if reminds is not None else None,
    )


def _leaves(campaign: ScheduledCampaign, moment: datetime) -> datetime:
    """Return the first moment from `moment` on at which the campaign's e-mails may be sent."""
    return earliest_send(
        moment,
        zone=campaign.zone,
        quiet_hours=campaign.send.quiet_hours,
        is_quiet=lambda day: bool(_quiet(campaign, day)),
    )


def _reminds(campaign: ScheduledCampaign, begins: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the reminder of a run is due; None without one."""
    if campaign.reminder is None or campaign.valid is None:
        return None
    _, until = validity(campaign.valid, zone, begins)
    return None if begins >= until else max(begins, until - campaign.reminder)


def _say_expired(campaign: ScheduledCampaign, begins: datetime, zone: ZoneInfo) -> str:
    """Return a note if the codes have a fixed end that is over when the run begins."""
    if campaign.valid is None or begins < (until := validity(campaign.valid, zone, begins)[1]):
        return ""
    return f"its codes are only valid until {until.astimezone(zone):%Y-%m-%d %H:%M}, before it begins"


def _quiet(campaign: ScheduledCampaign, day: date) -> str:
    """Return why no e-mails are sent on a day; empty if they are."""
    if any(day in days for days in campaign.send.quiet_days):
        return "a quiet day of the campaign"
    return campaign.calendar.quiet_reason(day)


def _say_wait(campaign: ScheduledCampaign, begins: datetime, leaves: datetime, zone: ZoneInfo) -> str:
    if leaves == begins:
        return ""
    day = begins.astimezone(campaign.zone).date()
    why = _quiet(campaign, day) or f"quiet hours {campaign.send.quiet_hours}"
    return f"e-mails wait until {_say_moment(leaves, zone)} ({why})"


def _say_moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %d %b %Y %H:%M}"


def _weeks(
    runs: Sequence[UpcomingRun],
    overlaps: Mapping[frozenset[str], int],
    window: ForecastWindow,
    limit: int | None,
) -> Iterator[Week]:
    """Yield every week of the window in which something happens."""
    runs_of: dict[date, list[UpcomingRun]] = {}
    sent: dict[date, list[UpcomingRun]] = {}
    for run in runs:
        runs_of.setdefault(_monday(run.begins, window.zone), []).append(run)
        for moment in (run.leaves, run.reminds):
            if moment is not None and moment <= window.until:
                sent.setdefault(_monday(moment, window.zone), []).append(run)
    for first in sorted(runs_of.keys() | sent.keys()):
        mails, begun = sent.get(first, []), runs_of.get(first, [])
        pressure = _pressure(mails, overlaps)
        yield Week(
            first=first,
            last=first + timedelta(days=6),
            runs=len(begun),
            emails=sum(run.people for run in mails),
            money=sum((run.money for run in begun), CostRange()),
            pressure=pressure,
            over_limit=sum(
                people for times, people in pressure.items() if limit is not None and times > limit
            ),
        )


def _pressure(mails: Sequence[UpcomingRun], overlaps: Mapping[frozenset[str], int]) -> dict[int, int]:
    """Return how many people get one e-mail, two, and so on, if each of these runs sends one."""
    sent = Counter(run.campaign for run in mails)
    kept_from = Counter(group for run in mails for group in run.left_out)
    people_by_times: Counter[int] = Counter()
    for campaigns, people in overlaps.items():
        people_by_times[sum(sent[name] for name in campaigns) - kept_from[campaigns]] += people
    return {
        times: people_by_times[times] for times in sorted(people_by_times) if times and people_by_times[times]
    }


def _monday(moment: datetime, zone: ZoneInfo) -> date:
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment (UTC) at which a day begins in a zone."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)
