"""The schedules played forward: which runs come, which don't and why, and what each week asks of people and money. Pure."""

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
from tillroll.plan.calendar.coming import Awaited, Coming, Forecast, Money, NotComing, Scheduled, Week, Window

_ASLEEP = {Status.DRAFT: "a draft", Status.PAUSED: "paused", Status.ENDED: "ended"}


def say_asleep(status: Status, halted_by: str = "") -> str:
    """Why the loop doesn't act on a campaign; empty when it does."""
    return _ASLEEP.get(status, f"halted by {halted_by}" if halted_by else "")


def forecast(
    scheduled: Sequence[Scheduled],
    awaited: Sequence[Awaited],
    overlaps: Mapping[frozenset[str], int],
    window: Window,
    *,
    asides: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> Forecast:
    """Play every schedule through the window.

    `overlaps` says how many people are in exactly these campaigns' audiences; `limit` is how many e-mails the guardrails allow
    somebody a week; `asides` are campaigns without a schedule or an event, with the reason.
    """
    runs: list[Coming] = []
    missing = [NotComing(campaign=name, why=why) for name, why in (asides or {}).items()]
    for one in scheduled:
        for found in _play(one, window):
            if isinstance(found, Coming):
                runs.append(found)
            else:
                missing.append(found)
    runs.sort(key=lambda run: (run.begins, run.campaign))
    missing.sort(key=lambda one: (one.at or window.until, one.campaign))
    weeks = tuple(_weeks(runs, overlaps, window, limit))
    return Forecast(runs=tuple(runs), awaited=tuple(awaited), not_coming=tuple(missing), weeks=weeks)


def _play(one: Scheduled, window: Window) -> Iterator[Coming | NotComing]:
    if asleep := say_asleep(one.status, one.halted_by):
        yield from _asleep(one, asleep, window)
    elif one.when.manual:
        yield NotComing(campaign=one.name, why=f"only by hand: tillroll run {one.name}")
    else:
        yield from _awake(one, window)


def _asleep(one: Scheduled, why: str, window: Window) -> Iterator[NotComing]:
    """Each slot that a campaign lets pass, or, where it has none, the campaign itself."""
    would = list(islice(_upcoming(one, window), MOST_SLOTS))
    for slot in would:
        yield NotComing(campaign=one.name, why=why, key=slot.key, at=slot.at)
    if not would:
        yield NotComing(campaign=one.name, why=why)


def _awake(one: Scheduled, window: Window) -> Iterator[Coming | NotComing]:
    found = False
    if window.start <= window.now:
        missed = due(
            one.when,
            zone=one.zone,
            first_seen=one.first_seen,
            considered_until=one.considered_until,
            now=window.now,
        )
        for slot, reason in missed.skipped:
            yield NotComing(campaign=one.name, why=reason, key=slot.key, at=slot.at)
        for slot in missed.run:
            found = True
            yield _run_or_not(one, slot, window)
    for number, slot in enumerate(_upcoming(one, window)):
        if number == MOST_SLOTS:
            yield NotComing(
                campaign=one.name, why=f"it runs on: only its first {MOST_SLOTS} runs are shown", at=slot.at
            )
            return
        found = True
        yield _run_or_not(one, slot, window)
    if not found:
        yield NotComing(campaign=one.name, why=_why_none(one, window))


def _upcoming(one: Scheduled, window: Window) -> Iterator[Slot]:
    after = max(window.start - timedelta(microseconds=1), window.now)
    if one.when.on is None and not one.when.manual:
        yield from slots(one.when, zone=one.zone, first_seen=one.first_seen, after=after, until=window.until)


def _why_none(one: Scheduled, window: Window) -> str:
    coming = next_slot(one.when, zone=one.zone, first_seen=one.first_seen, after=window.until)
    if coming is not None:
        return f"nothing in these days; next on {_say_moment(coming.at, window.zone)}"
    if one.when.at is not None:
        return f"its only moment, {one.when.at:%Y-%m-%d %H:%M}, is over"
    return "its day doesn't come within two years"


def _run_or_not(one: Scheduled, slot: Slot, window: Window) -> Coming | NotComing:
    begins = max(slot.at, window.now)
    if one.calendar.blacked_out(slot.at.astimezone(one.zone).date()):
        why = "a blackout day of rules/calendar.yaml: its plan is refused"
        return NotComing(campaign=one.name, why=why, key=slot.key, at=slot.at)
    if one.refused:
        why = f"its plan would be refused as things stand: {one.refused}"
        return NotComing(campaign=one.name, why=why, key=slot.key, at=slot.at)
    leaves = _leaves(one, begins)
    reminds = _reminds(one, begins, window.zone)
    notes = [
        say_clock_change(slot, one.when, one.zone),
        "missed, and made up for now" if slot.at < window.now else "",
        f"its people can't be told yet: {one.untold}" if one.untold else "",
        _say_over(one, begins, window.zone),
        _say_wait(one, begins, leaves, window.zone),
    ]
    return Coming(
        campaign=one.name,
        title=one.title,
        key=slot.key,
        at=slot.at,
        begins=begins,
        leaves=leaves,
        people=one.people,
        gives=one.gives,
        money=one.money,
        notes=tuple(note for note in notes if note),
        reminds=_leaves(one, reminds) if reminds is not None else None,
    )


def _leaves(one: Scheduled, moment: datetime) -> datetime:
    """The first moment from then on at which its e-mails may leave."""
    return earliest_send(
        moment,
        zone=one.zone,
        quiet_hours=one.send.quiet_hours,
        is_quiet=lambda day: bool(_quiet(one, day)),
    )


def _reminds(one: Scheduled, begins: datetime, zone: ZoneInfo) -> datetime | None:
    """When its reminder is due."""
    if one.reminder is None or one.valid is None:
        return None
    _, until = validity(one.valid, zone, begins)
    return None if begins >= until else max(begins, until - one.reminder)


def _say_over(one: Scheduled, begins: datetime, zone: ZoneInfo) -> str:
    """Codes that end on a day once and for all are no good to a run that comes after it."""
    if one.valid is None or begins < (until := validity(one.valid, zone, begins)[1]):
        return ""
    return f"its codes work until {until.astimezone(zone):%Y-%m-%d %H:%M} only, which is over by then"


def _quiet(one: Scheduled, day: date) -> str:
    if any(day in days for days in one.send.quiet_days):
        return "a quiet day of its own"
    return one.calendar.quiet(day)


def _say_wait(one: Scheduled, begins: datetime, leaves: datetime, zone: ZoneInfo) -> str:
    if leaves == begins:
        return ""
    day = begins.astimezone(one.zone).date()
    why = _quiet(one, day) or f"quiet hours {one.send.quiet_hours}"
    return f"e-mails wait until {_say_moment(leaves, zone)} ({why})"


def _say_moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %d %b %Y %H:%M}"


def _weeks(
    runs: Sequence[Coming], overlaps: Mapping[frozenset[str], int], window: Window, limit: int | None
) -> Iterator[Week]:
    """Every week of the window in which something happens."""
    begun: dict[date, list[Coming]] = {}
    sent: dict[date, Counter[str]] = {}
    sizes = {run.campaign: run.people for run in runs}
    for run in runs:
        begun.setdefault(_monday(run.begins, window.zone), []).append(run)
        for moment in (run.leaves, run.reminds):
            if moment is not None and moment <= window.until:
                sent.setdefault(_monday(moment, window.zone), Counter())[run.campaign] += 1
    for first in sorted(begun.keys() | sent.keys()):
        mails, here = sent.get(first, Counter()), begun.get(first, [])
        pressure = _pressure(mails, overlaps)
        yield Week(
            first=first,
            last=first + timedelta(days=6),
            runs=len(here),
            emails=sum(sizes[name] * times for name, times in mails.items()),
            money=sum((run.money for run in here), Money()),
            pressure=pressure,
            over=sum(people for times, people in pressure.items() if limit is not None and times > limit),
        )


def _pressure(mails: Counter[str], overlaps: Mapping[frozenset[str], int]) -> dict[int, int]:
    """How many people get one e-mail, two, ..., when each of these campaigns sends so many."""
    found: Counter[int] = Counter()
    for campaigns, people in overlaps.items():
        found[sum(mails[name] for name in campaigns)] += people
    return {times: found[times] for times in sorted(found) if times and found[times]}


def _monday(moment: datetime, zone: ZoneInfo) -> date:
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment a day begins in a zone (UTC)."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)
