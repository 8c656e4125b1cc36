"""The forecast as a file for calendar programs (RFC 5545).

Every run is an event of its own, in UTC, so that no program's time zones can move it. Its UID is made of the store, the campaign
and the slot, so that importing tomorrow's file updates events instead of duplicating them. Runs that will not happen after all
are in the file as cancelled events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from tillroll.outlook.coming import CalendarForecast, NoRun, UpcomingRun

_LENGTH = timedelta(minutes=15)  # an event without a length is hard to see and to click
_REVISIONS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_ODD = re.compile(r"[^A-Za-z0-9.:+-]+")


def to_ics(
    forecast: CalendarForecast,
    *,
    store: str,
    store_id: int,
    zone: str,
    now: datetime,
    say: Callable[[UpcomingRun], str],
) -> bytes:
    """Return the file's bytes. `say` describes a run's reach and cost.

    Calendar programs show the times in `zone`; in the file they are in UTC.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Tillroll//Campaign calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"Campaigns of {store or store_id}")
    calendar.add("x-wr-timezone", zone)
    for run in forecast.runs:
        event = _event(run.campaign, run.key, run.at, store_id, now)
        event.add("summary", run.title)
        event.add("description", say(run))
        event.add("status", "CONFIRMED")
        calendar.add_component(event)
    for no_run in forecast.not_coming:
        if no_run.at is not None and no_run.key:
            calendar.add_component(_cancelled(no_run, no_run.at, store_id, now))
    content: bytes = calendar.to_ical()
    return content


def _event(campaign: str, key: str, at: datetime, store_id: int, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{_ODD.sub('-', f'{campaign}.{key}')}@{store_id}.tillroll")
    event.add("dtstamp", now.replace(microsecond=0))
    event.add("sequence", max(0, int((now - _REVISIONS_FROM).total_seconds() // 60)))
    event.add("dtstart", at)
    event.add("dtend", at + _LENGTH)
    event.add("transp", "TRANSPARENT")  # it makes nobody busy
    event.add("categories", [campaign])
    return event


def _cancelled(no_run: NoRun, at: datetime, store_id: int, now: datetime) -> Event:
    event = _event(no_run.campaign, no_run.key, at, store_id, now)
    event.add("summary", f"Cancelled: {no_run.campaign}")
    event.add("description", f"{no_run.why[:1].upper()}{no_run.why[1:]}.")
    event.add("status", "CANCELLED")
    return event
