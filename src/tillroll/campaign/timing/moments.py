"""When a run begins, when its codes are valid and when its e-mails are sent, by the store's clock and in UTC. Pure.

None of this is frozen in a plan: it depends on the moment of approval. The plan freezes the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.parts import Leaving
from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.message import MessageSettings
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.timing.leaving import last_mail, leaving_notes
from tillroll.campaign.timing.quiet import quiet_times
from tillroll.campaign.timing.schedule import describe
from tillroll.campaign.timing.validity import validity

_FARTHEST = timedelta(days=1_100)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class CodeTimes:
    """The validity (UTC) of one arm's codes, if they are made at the moment of the timing."""

    arm: str
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class ReminderTime:
    """The reminder to those who have not used their code: from when it is sent (UTC), and its words."""

    at: datetime
    before_expiry: timedelta
    template: str
    subject: str


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The moments of one run, in UTC; `zone` is the store's."""

    zone: ZoneInfo
    begins: datetime
    schedule: str  # when the campaign runs, as a phrase
    works: tuple[CodeTimes, ...]  # one entry if it is the same for all arms
    first_mail: datetime | None  # None: it sends no e-mails
    last_mail: datetime | None  # at the earliest; None: it sends no e-mails
    mail_minutes: float | None  # how long sending takes at the campaign's own rate; None: no rate is set
    notes: tuple[str, ...]  # ends of days and clock changes, as sentences
    reminder: ReminderTime | None = None


def timing(
    revision: Revision,
    *,
    zone: ZoneInfo,
    begins: datetime,
    messages: int,
    step: int = 1,
    currency: str = "",
    leaving: Leaving | None = None,
) -> Timing:
    """Return the moments of a run that begins at `begins` (UTC); `zone` and `currency` are the store's.

    `leaving`: what the plan knows of when its e-mails leave.
    """
    message = revision.as_run(step=step).message
    works = _works(revision, step, zone, begins)
    starts = [arm.start for arm in works]
    is_early = bool(starts) and min(starts) > begins and message is not None
    ready = min(starts) if is_early and not revision.campaign.announce else begins
    first = last_leaves = None
    leaving = leaving or Leaving()
    why_later: tuple[str, ...] = ()
    if message is not None:
        quiet = quiet_times(revision, message.send, zone)
        first = quiet.opens(ready)
        last_leaves = last_mail(revision, message, leaving, quiet, first=first, messages=messages)
        why_later = tuple(leaving_notes(revision, leaving, quiet, first=first))
    rate = message.send.rate if message is not None else None
    last = max([begins, *(arm.end for arm in works), *([first] if first else [])])
    return Timing(
        zone=zone,
        begins=begins,
        schedule=describe(revision.campaign.when, revision.campaign.when.zone(zone.key), currency),
        works=works,
        first_mail=first,
        last_mail=last_leaves,
        reminder=_reminder(message, works, begins),
        mail_minutes=round(messages * rate.seconds / rate.count / 60, 1) if rate is not None else None,
        notes=(
            *why_later,
            *(_before_they_work(revision, starts, zone) if is_early else ()),
            *_day_edges(works, zone),
            *_clock_changes(zone, begins, last),
        ),
    )


def _reminder(
    message: MessageSettings | None, works: Sequence[CodeTimes], begins: datetime
) -> ReminderTime | None:
    """Return when the reminder is due for codes made at the moment of the timing; None if there is none."""
    reminder = message.reminder if message is not None else None
    if reminder is None or not works:
        return None
    return ReminderTime(
        at=max(begins, min(period.end for period in works) - reminder.before_expiry),
        before_expiry=reminder.before_expiry,
        template=reminder.template,
        subject=reminder.subject,
    )


def _before_they_work(revision: Revision, starts: Sequence[datetime], zone: ZoneInfo) -> Iterator[str]:
    """Yield what happens to e-mails whose codes only work later."""
    at = say_moment(min(starts), zone)
    if revision.campaign.announce:
        yield f"The e-mails are sent before their codes work ({at}), since the campaign says announce: true."
    else:
        yield f"The codes only work from {at}: the e-mails wait until then. To send them before, write announce: true."


def _works(revision: Revision, step: int, zone: ZoneInfo, begins: datetime) -> tuple[CodeTimes, ...]:
    works = []
    for arm in revision.arms:
        offer = revision.as_run(step=step, arm=arm).offer
        if offer is not None:
            start, end = validity(offer.valid, zone, begins)
            works.append(CodeTimes(arm=arm, start=start, end=end))
    if len({(times.start, times.end) for times in works}) == 1:
        return (CodeTimes(arm="", start=works[0].start, end=works[0].end),)
    return tuple(works)


def _day_edges(works: tuple[CodeTimes, ...], zone: ZoneInfo) -> Iterator[str]:
    """Yield notes on the ends of days: the store keeps times in UTC to the second, its admin only whole UTC days."""
    if not works:
        return
    end = max(arm.end for arm in works)
    local, in_utc = end.astimezone(zone), end.astimezone(UTC)
    note = f"Ecwid stores these times in UTC: the codes end on {in_utc:%d %b %Y at %H:%M:%S} UTC"
    if local.date() != in_utc.date():
        note += f", which is {local:%d %b} by the store's own clock"
    yield f"{note}. Don't edit the dates in the store's admin: it keeps only whole UTC days."
    if any(arm.end <= arm.start for arm in works):
        yield "The codes would end before they start."
    elif end - min(arm.start for arm in works) < timedelta(days=1):
        yield "The codes are valid for less than a day."


def _clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[str]:
    """Yield a sentence for every clock change between two moments."""
    end = min(end, start + _FARTHEST)
    day = start
    while day < end:
        following = min(day + timedelta(days=1), end)
        before, after = day.astimezone(zone).utcoffset(), following.astimezone(zone).utcoffset()
        if before != after and before is not None and after is not None:
            at = _change_between(zone, day, following).astimezone(zone)
            moved = "forward" if after > before else "back"
            hours = abs(after - before) / _HOUR
            length = "an hour" if hours == 1 else f"{hours:g} hours"
            yield (
                f"The clock goes {moved} {length} on {at:%a %d %b %Y} in {zone.key}: "
                f"from then on the store is at UTC{at:%z}. Later times are by the new clock."
            )
        day = following


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first moment with the later UTC offset, to the second."""
    later = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == later:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def say_moment(at: datetime, zone: ZoneInfo) -> str:
    """Return `Mon 23 Nov 2026, 10:00 CET (09:00 UTC)`; with the UTC day if it differs, and with seconds if there are any."""
    local, utc = say_both_times(at, zone)
    return f"{local} ({utc})"


def say_local(at: datetime, zone: ZoneInfo) -> str:
    """Return a moment in the zone, to the minute: `Mon 23 Nov 2026, 10:00 CET`."""
    return say_both_times(at.replace(second=0, microsecond=0), zone)[0]


def say_both_times(at: datetime, zone: ZoneInfo) -> tuple[str, str]:
    """Return a moment in the zone and in UTC: `Mon 23 Nov 2026, 10:00 CET` and `09:00 UTC`."""
    local, in_utc = at.astimezone(zone), at.astimezone(UTC)
    clock = "%H:%M:%S" if local.second else "%H:%M"
    name = local.tzname() or ""
    zone_name = name if name[:1].isalpha() else f"UTC{name}"
    utc = f"{in_utc:{clock}} UTC" if local.date() == in_utc.date() else f"{in_utc:%d %b {clock}} UTC"
    return f"{local:%a %d %b %Y}, {local:{clock}} {zone_name}", utc


def say_minutes(minutes: float) -> str:
    """Return a duration in words: `6 seconds`, `25 minutes`, `3 hours 20 minutes`."""
    if minutes < 1:
        return count_of(max(1, round(minutes * 60)), "second")
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return count_of(rest, "minute")
    return " ".join(count_of(n, word) for n, word in ((hours, "hour"), (rest, "minute")) if n)


def wall_fault(wall: datetime, zone: ZoneInfo) -> str:
    """Return why a wall time is not exactly one moment in a zone; empty if it is."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return ""
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        return f"the clock in {zone.key} never shows {wall:%H:%M} on that day: it goes forward then"
    return f"the clock in {zone.key} shows {wall:%H:%M} twice on that day: it goes back then"


def say_both_moments(wall: datetime, zone: ZoneInfo) -> str:
    """Return the two moments that an ambiguous wall time can mean: `2027-10-31T02:30+02:00 or …+01:00`."""
    moments = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone) for fold in (0, 1))
    return " or ".join(f"{moment:%Y-%m-%dT%H:%M}{moment.isoformat()[-6:]}" for moment in sorted(moments))
