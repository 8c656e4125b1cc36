"""Triggers and slots: when a campaign is due, by the wall clock of its zone.

Daylight saving: a slot is a wall time, and each wall time fires once. A time skipped in spring fires at the first moment after
the gap (several skipped times of one campaign fire once); a time repeated in autumn fires the first time. `every` counts elapsed
time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from tillroll.campaign.language.models import IfLate, When
from tillroll.campaign.sentences.events import say_event
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import say_duration, spell_duration

MOST_SLOTS = 1_000
PUNCTUAL = timedelta(seconds=60)
"""A slot found this soon after its time is not late: the loop looks once in a while."""

_ALL_KINDS_OF_YEARS = "2024-2052"  # 28 years hold each day of the year, and 29 February, on each weekday
_BEFORE_THESE_YEARS = datetime(2024, 1, 1, tzinfo=UTC)

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
    """One time of a schedule. `key` is unique within a campaign; `at` is UTC."""

    key: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class DueSlots:
    """The slots due since the last look: slots to run, and slots to skip with the reason."""

    run: tuple[Slot, ...]
    skipped: tuple[tuple[Slot, str], ...]


_WEEKDAY_CODES = {
    "mo": "MON", "tu": "TUE", "di": "TUE", "we": "WED", "mi": "WED", "th": "THU", "do": "THU", "fr": "FRI", "sa": "SAT",
    "su": "SUN", "so": "SUN",
}  # fmt: skip
_WEEKDAY_WORDS = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|mo|di|mi|do|fr|sa|so)\b",
    re.IGNORECASE,
)
"""Weekdays in the words of people, in English and German."""
_A_DAY = "|".join(_DAYS)
_WEEKDAY_OF_MONTH = re.compile(rf"(?<![^,])(1st|2nd|3rd|4th|5th|last)-({_A_DAY})(?![^,])", re.IGNORECASE)
"""`last-FRI` in the field of days."""
_ELSEWHERE = re.compile(
    rf"(?:(?P<last>last)-?(?P<a>{_A_DAY})|(?P<b>{_A_DAY})(?:L|#(?P<number>[1-5]))|(?P<nth>1st|2nd|3rd|4th|5th)-?(?P<c>{_A_DAY}))",
    re.IGNORECASE,
)
"""The last or second Friday as other crons write it, in the field of weekdays."""
_ORDINALS = {"1": "1st", "2": "2nd", "3": "3rd", "4": "4th", "5": "5th"}


@lru_cache(maxsize=1_000)
def cron_fault(text: str) -> str:
    """Return what is wrong with a cron line; empty if it is valid."""
    parts = text.split()
    if len(parts) != 5:
        return f"a cron line has five fields (minute hour day month weekday); found {len(parts)}"
    if (other := _ELSEWHERE.fullmatch(parts[4])) is not None:
        which = other["nth"] or _ORDINALS.get(other["number"] or "", "last")
        day = (other["a"] or other["b"] or other["c"]).upper()
        return f"write it as the day: {parts[0]} {parts[1]} {which.lower()}-{day} {parts[3]} *"
    if any(char.isdigit() for char in parts[4]):
        return "write weekdays as MON, TUE, ... SUN: cron programs disagree about which day a number means"
    if parts[0] == "*":
        return "* as the minute would run every minute; give the minute, like 0 9 * * MON"
    try:
        some_years = _cron(text, year=_ALL_KINDS_OF_YEARS)
    except ValueError as fault:
        meant = " ".join(
            [*parts[:4], _WEEKDAY_WORDS.sub(lambda day: _WEEKDAY_CODES[day[0][:2].lower()], parts[4])]
        )
        if meant != text and not cron_fault(meant):
            return f"write weekdays as MON, TUE, ... SUN: {meant}"
        return f"this is not a cron line: {str(fault).removeprefix('Error validating expression ')}"
    if some_years.get_next_fire_time(None, _BEFORE_THESE_YEARS) is None:
        return "no year has such a day, so it would never run"
    return ""


def _cron(text: str, year: str = "*") -> CronTrigger:
    """Return a trigger that calculates wall times, in UTC since UTC has no gaps or repeats."""
    fields = dict(zip(_FIELDS, text.split(), strict=True))
    fields["day"] = _WEEKDAY_OF_MONTH.sub(r"\1 \2", fields["day"])
    return CronTrigger(**fields, year=year, timezone="UTC")


def at_slot(when: When, zone: ZoneInfo) -> Slot | None:
    """Return the one slot of a campaign with `at:`; None: it has another trigger."""
    return _wall_slot(when.at, zone) if when.at is not None else None


def slots(
    when: When, *, zone: ZoneInfo, first_seen: datetime, after: datetime, until: datetime
) -> Iterator[Slot]:
    """Yield the slots after `after` (exclusive) and up to `until` (inclusive), in order."""
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
    # wall times are calculated as if in UTC, from some hours before, since a gap moves a slot to a later moment
    wall = (after.astimezone(zone) - timedelta(hours=3)).replace(tzinfo=UTC)
    last = (until.astimezone(zone) + timedelta(hours=3)).replace(tzinfo=UTC)
    pending: Slot | None = None
    while (fire_time := trigger.get_next_fire_time(None, wall)) is not None and fire_time <= last:
        slot = _wall_slot(fire_time.replace(tzinfo=None), zone)
        if pending is not None and pending.at != slot.at:
            yield pending
        # wall times that a gap moves to the same moment are one slot, so that nobody gets the same e-mail several times
        pending = slot if after < slot.at <= until else None
        wall = fire_time + timedelta(minutes=1)
    if pending is not None:
        yield pending


def _wall_slot(wall: datetime, zone: ZoneInfo) -> Slot:
    """Return the slot of a wall time: at the first of two moments, or at the end of the gap it falls into."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != wall:  # the clock never shows it
        moment = _end_of_gap(wall, zone)
    return Slot(key=f"{wall:%Y-%m-%dT%H:%M}", at=moment)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment after the clock skipped a wall time."""
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
    """Return how a clock change on the slot's day affects it; empty on all other days."""
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
) -> DueSlots:
    """Return the slots since the last look (`considered_until`), with `if_late` and `within` applied to missed ones.

    With `ahead`, a slot is due that long before its time.
    """
    until = now + ahead if ahead is not None else now
    recent = deque(
        slots(when, zone=zone, first_seen=first_seen, after=considered_until, until=until), maxlen=MOST_SLOTS
    )
    late = [slot for slot in recent if now - slot.at > PUNCTUAL]
    run = [slot for slot in recent if now - slot.at <= PUNCTUAL]
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
    return DueSlots(run=tuple(in_time + run), skipped=tuple(skipped))


def next_slot(when: When, *, zone: ZoneInfo, first_seen: datetime, after: datetime) -> Slot | None:
    """Return the next slot; None if there is none within two years."""
    return next(
        slots(when, zone=zone, first_seen=first_seen, after=after, until=after + timedelta(days=732)), None
    )


def describe(when: When, zone: ZoneInfo, currency: str = "") -> str:
    """Return the trigger as a phrase: `every Monday at 10:00 (Europe/Ljubljana)`.

    `currency` is the store's, for amounts of an event; without it, they are plain numbers.
    """
    if when.manual:
        return "only started by hand"
    if when.every is not None:
        return f"every {spell_duration(when.every)}"
    if when.at is not None:
        return f"once, on {when.at:%Y-%m-%d at %H:%M} ({zone.key})"
    if when.on is not None:
        return say_event(when.on, currency, after=when.after or timedelta(0))
    return f"{_say_cron(when.cron or '')} ({zone.key})"


def say_again(when: When) -> str:
    """Return how often the same customer, or product, brings a run: `each customer once`; empty for a schedule."""
    if when.on is None:
        return ""
    subject, again = "product" if when.on.about_product else "customer", when.how_often
    if again is None:
        return f"each {subject} once; again: lets them in anew"
    often = f"{spell_duration(again.after)} or more apart" if again.after else "each time it happens"
    most = f", {count_of(again.most, 'time')} in total" if again.most is not None else ""
    return f"each {subject} again: {often}{most}"


def _say_cron(text: str) -> str:
    """Return common cron lines in words, others as they are written."""
    minute, hour, day, month, weekday = text.split()
    if not (minute.isdigit() and hour.isdigit() and month == "*"):
        return f"cron {text}"
    clock = f"{int(hour):02d}:{int(minute):02d}"
    if day == "*" and weekday == "*":
        return f"every day at {clock}"
    if day == "*" and weekday.lower() in _DAYS:
        return f"every {_DAYS[weekday.lower()]} at {clock}"
    if (nth := _WEEKDAY_OF_MONTH.fullmatch(day)) is not None and weekday == "*":
        return f"on the {nth[1].lower()} {_DAYS[nth[2].lower()]} of every month at {clock}"
    if day.lower() == "last" and weekday == "*":
        return f"on the last day of every month at {clock}"
    if day.isdigit() and weekday == "*":
        return f"on day {day} of every month at {clock}"
    return f"cron {text}"
