"""Triggers and slots: when a campaign is due, by the wall clock of its zone.

Daylight saving: a slot is a wall time, and each wall time fires once. A time that the clock skips in spring fires at the first
moment after the gap (of several skipped by one campaign, one fires); a time that it shows twice in autumn fires the first time.
`every` counts real time instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from tillroll.campaign.language.models import IfLate, When
from tillroll.campaign.sentences.happened import say_event
from tillroll.campaign.text.units import say_duration, spell_duration

MOST_SLOTS = 1_000
PUNCTUAL = timedelta(seconds=60)
"""A slot that is found so soon after its time is not late: that is just the loop's own rhythm."""

_EVERY_KIND_OF_YEAR = "2024-2052"  # 28 of them: each day of the year on each weekday, 29 February too
_BEFORE_THEM = datetime(2024, 1, 1, tzinfo=UTC)

_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One occurrence. `key` is unique within a campaign; `at` is UTC."""

    key: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Due:
    """What has come since the last look: slots to run, and slots let pass with the reason."""

    run: tuple[Slot, ...]
    skipped: tuple[tuple[Slot, str], ...]


@lru_cache(maxsize=1_000)
def cron_fault(text: str) -> str:
    """What is wrong with a cron line; empty when nothing is."""
    parts = text.split()
    if len(parts) != 5:
        return f"a cron line has five fields (minute hour day month weekday); this one has {len(parts)}"
    if any(sign.isdigit() for sign in parts[4]):
        return "write weekdays as MON, TUE, ... SUN: crons disagree on which day a number means"
    if parts[0] == "*":
        return "a * for the minute makes a run every minute; give the minute, like 0 9 * * MON"
    try:
        some_years = _cron(text, year=_EVERY_KIND_OF_YEAR)
    except ValueError as fault:
        return f"this is not a cron line: {str(fault).removeprefix('Error validating expression ')}"
    if some_years.get_next_fire_time(None, _BEFORE_THEM) is None:
        return "there is no such day in any year, so it would never run"
    return ""


def _cron(text: str, year: str = "*") -> CronTrigger:
    """The line as a calculator of wall times; UTC stands in for a zone without gaps or repeats."""
    return CronTrigger(**dict(zip(_FIELDS, text.split(), strict=True)), year=year, timezone="UTC")


def slots(
    when: When, *, zone: ZoneInfo, first_seen: datetime, after: datetime, until: datetime
) -> Iterator[Slot]:
    """The slots after one moment (exclusive) and up to another (inclusive), in order."""
    if when.at is not None:
        slot = _wall_slot(when.at, zone)
        if after < slot.at <= until:
            yield slot
    elif when.every is not None:
        yield from _every(when.every, first_seen, after, until)
    elif when.cron is not None:
        yield from _by_cron(when.cron, zone, after, until)


def _every(length: timedelta, first_seen: datetime, after: datetime, until: datetime) -> Iterator[Slot]:
    number = max(1, (after - first_seen) // length)
    while (at := first_seen + number * length) <= until:
        if at > after:
            yield Slot(key=f"every {say_duration(length)} no. {number}", at=at)
        number += 1


def _by_cron(text: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[Slot]:
    trigger = _cron(text)
    # wall times are worked out as if in UTC, from an hour or more before: a gap moves a slot to a later moment
    wall = (after.astimezone(zone) - timedelta(hours=3)).replace(tzinfo=UTC)
    last = (until.astimezone(zone) + timedelta(hours=3)).replace(tzinfo=UTC)
    waiting: Slot | None = None
    while (found := trigger.get_next_fire_time(None, wall)) is not None and found <= last:
        slot = _wall_slot(found.replace(tzinfo=None), zone)
        if waiting is not None and waiting.at != slot.at:
            yield waiting
        # several wall times that one gap moves to the same moment are one slot: nobody wants the same e-mail four times
        waiting = slot if after < slot.at <= until else None
        wall = found + timedelta(minutes=1)
    if waiting is not None:
        yield waiting


def _wall_slot(wall: datetime, zone: ZoneInfo) -> Slot:
    """The moment a wall time stands for: the first of two, or the end of the gap it falls into."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != wall:  # the clock never shows it
        moment = _end_of_gap(wall, zone)
    return Slot(key=f"{wall:%Y-%m-%dT%H:%M}", at=moment)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after the clock jumped over a wall time."""
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    low, high = before - timedelta(hours=3), before + timedelta(hours=3)
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def say_clock_change(slot: Slot, when: When, zone: ZoneInfo) -> str:
    """What the clock does to a slot's wall time on its day: skips it, or shows it twice; empty on any other day."""
    if when.cron is None and when.at is None:
        return ""
    wall = datetime.fromisoformat(slot.key)
    shown = slot.at.astimezone(zone).replace(tzinfo=None, second=0)
    if shown != wall:
        return f"the clock skips {wall:%H:%M} on this day, so it runs at {shown:%H:%M}"
    if wall.replace(tzinfo=zone).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset():
        return f"the clock shows {wall:%H:%M} twice on this day; it runs the first time"
    return ""


def due(
    when: When,
    *,
    zone: ZoneInfo,
    first_seen: datetime,
    considered_until: datetime,
    now: datetime,
    ahead: timedelta | None = None,
) -> Due:
    """What has come since the last look, with `if_late` and `within` applied to what was missed.

    `ahead`: so long before its time a slot counts as come.
    """
    until = now + ahead if ahead is not None else now
    found = deque(
        slots(when, zone=zone, first_seen=first_seen, after=considered_until, until=until), maxlen=MOST_SLOTS
    )
    late = [slot for slot in found if now - slot.at > PUNCTUAL]
    run = [slot for slot in found if now - slot.at <= PUNCTUAL]
    skipped: list[tuple[Slot, str]] = []
    in_time = [slot for slot in late if now - slot.at <= when.within]
    for slot in late:
        if slot not in in_time:
            skipped.append((slot, f"missed by more than {spell_duration(when.within)}"))
    if when.if_late is IfLate.SKIP:
        skipped += [(slot, "missed, and if_late says skip") for slot in in_time]
        in_time = []
    elif when.if_late is IfLate.RUN_ONCE and in_time:
        skipped += [(slot, "missed, and a later slot runs instead") for slot in in_time[:-1]]
        in_time = in_time[-1:] if not run else []
        if run:
            skipped.append((late[-1], "missed, and a later slot runs instead"))
    return Due(run=tuple(in_time + run), skipped=tuple(skipped))


def next_slot(when: When, *, zone: ZoneInfo, first_seen: datetime, after: datetime) -> Slot | None:
    """The next slot, or None when there will be none within two years."""
    return next(
        slots(when, zone=zone, first_seen=first_seen, after=after, until=after + timedelta(days=732)), None
    )


def describe(when: When, zone: ZoneInfo) -> str:
    """The trigger as a sentence."""
    if when.manual:
        return "only by hand"
    if when.every is not None:
        return f"every {spell_duration(when.every)}"
    if when.at is not None:
        return f"once, on {when.at:%Y-%m-%d at %H:%M} ({zone.key})"
    if when.on is not None:
        later = when.after if when.after is not None else timedelta(0)
        return f"{spell_duration(later)} after: {say_event(when.on)}" if later else say_event(when.on)
    return f"{_say_cron(when.cron or '')} ({zone.key})"


def _say_cron(text: str) -> str:
    """Common lines in words; others as they are written."""
    minute, hour, day, month, weekday = text.split()
    if not (minute.isdigit() and hour.isdigit() and month == "*"):
        return f"cron {text}"
    clock = f"{int(hour):02d}:{int(minute):02d}"
    if day == "*" and weekday == "*":
        return f"every day at {clock}"
    if day == "*" and weekday.lower() in _DAYS:
        return f"every {_DAYS[weekday.lower()]} at {clock}"
    if day.lower() == "last" and weekday == "*":
        return f"on the last day of every month at {clock}"
    if day.isdigit() and weekday == "*":
        return f"on day {day} of every month at {clock}"
    return f"cron {text}"
