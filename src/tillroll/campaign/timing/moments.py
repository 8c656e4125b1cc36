"""When a run begins, when its codes work and when its e-mails leave: by the store's clock and in UTC, with every edge said. Pure.

Nothing of this is frozen with a plan: it depends on the moment at which somebody agrees. What is frozen is the rule it follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.message import Message
from tillroll.campaign.timing.quiet import earliest_send
from tillroll.campaign.timing.schedule import describe
from tillroll.campaign.timing.validity import validity

_FARTHEST = timedelta(days=1_100)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Works:
    """When the codes of one arm work, in UTC, if they are made at the moment the timing is for."""

    arm: str
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The moments of one run. All are UTC; `zone` is the store's."""

    zone: ZoneInfo
    begins: datetime
    schedule: str  # when the campaign runs, as a sentence
    works: tuple[Works, ...]  # one for all arms if it is the same
    first_mail: datetime | None  # None: it sends none
    mail_minutes: float | None  # how long they take by the campaign's own rate; None: it sets none
    notes: tuple[str, ...]  # edges of days and changes of the clock, as sentences


def timing(revision: Revision, *, zone: ZoneInfo, begins: datetime, messages: int, step: int = 1) -> Timing:
    """What a run that begins at a moment (UTC) means by the clock; `zone` is the store's."""
    message = revision.as_run(step=step).message
    works = _works(revision, step, zone, begins)
    first = _first_mail(revision, message, zone, begins) if message is not None else None
    rate = message.send.rate if message is not None else None
    last = max([begins, *(one.end for one in works), *([first] if first else [])])
    return Timing(
        zone=zone,
        begins=begins,
        schedule=describe(revision.campaign.when, revision.campaign.when.zone(zone.key)),
        works=works,
        first_mail=first,
        mail_minutes=round(messages * rate.seconds / rate.count / 60, 1) if rate is not None else None,
        notes=(*_day_edges(works, zone), *_clock_changes(zone, begins, last)),
    )


def _works(revision: Revision, step: int, zone: ZoneInfo, begins: datetime) -> tuple[Works, ...]:
    found = []
    for arm in revision.arms:
        offer = revision.as_run(step=step, arm=arm).offer
        if offer is not None:
            start, end = validity(offer.valid, zone, begins)
            found.append(Works(arm=arm, start=start, end=end))
    if len({(one.start, one.end) for one in found}) == 1:
        return (Works(arm="", start=found[0].start, end=found[0].end),)
    return tuple(found)


def _first_mail(revision: Revision, message: Message, zone: ZoneInfo, begins: datetime) -> datetime:
    send, calendar = message.send, revision.calendar

    def is_quiet(day: date) -> bool:
        return bool(calendar.quiet(day)) or any(day in days for days in send.quiet_days)

    own = revision.campaign.when.zone(zone.key)
    return earliest_send(begins, zone=own, quiet_hours=send.quiet_hours, is_quiet=is_quiet)


def _day_edges(works: tuple[Works, ...], zone: ZoneInfo) -> Iterator[str]:
    """What the store makes of the times: it keeps them in UTC, to the second, and its admin counts whole days of UTC."""
    if not works:
        return
    end = max(one.end for one in works)
    here, there = end.astimezone(zone), end.astimezone(UTC)
    said = f"The store keeps both times in UTC, to the second: the last one is {there:%d %b %Y %H:%M:%S} UTC"
    if here.date() != there.date():
        said += f", another day than the {here:%d %b} of the store's own clock"
    yield f"{said}. Its admin shows, and would save, whole days of UTC."
    soonest = min(one.start for one in works)
    if any(one.end <= one.start for one in works):
        yield "The codes would end before they begin to work."
    elif end - soonest < timedelta(days=1):
        yield "The codes work for less than a day."


def _clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[str]:
    """Every change of the clock between two moments, in words."""
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
                f"from then on the store is at UTC{at:%z}. Times after it are meant by the new clock."
            )
        day = following


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first moment with the later of two offsets, to the second."""
    later = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == later:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def say_moment(at: datetime, zone: ZoneInfo) -> str:
    """`Mon 23 Nov 2026, 10:00 CET (09:00 UTC)`; the day in UTC too where it is another one. Seconds only where there are any."""
    here, there = at.astimezone(zone), at.astimezone(UTC)
    clock = "%H:%M:%S" if here.second else "%H:%M"
    name = here.tzname() or ""
    named = name if name[:1].isalpha() else f"UTC{name}"
    other = f"{there:{clock}} UTC" if here.date() == there.date() else f"{there:%d %b {clock}} UTC"
    return f"{here:%a %d %b %Y}, {here:{clock}} {named} ({other})"


def say_minutes(minutes: float) -> str:
    """How long something takes, as people say it: `6 seconds`, `25 minutes`, `3 hours 20 minutes`."""
    if minutes < 1:
        return _so_many(max(1, round(minutes * 60)), "second")
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return _so_many(rest, "minute")
    return " ".join(_so_many(n, word) for n, word in ((hours, "hour"), (rest, "minute")) if n)


def _so_many(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def wall_fault(wall: datetime, zone: ZoneInfo) -> str:
    """Why a wall time is no moment of its own in a zone; empty when it is one."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return ""
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        return f"the clock in {zone.key} never shows {wall:%H:%M} on that day: it is set forward then"
    return f"the clock in {zone.key} shows {wall:%H:%M} twice on that day: it is set back then"


def say_meant(wall: datetime, zone: ZoneInfo) -> str:
    """The two moments that such a wall time may mean, as they can be written: `2027-10-31T02:30+02:00 or …+01:00`."""
    found = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone) for fold in (0, 1))
    return " or ".join(f"{one:%Y-%m-%dT%H:%M}{one.isoformat()[-6:]}" for one in sorted(found))
