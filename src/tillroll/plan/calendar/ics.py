"""The calendar as a file for calendar programs (RFC 5545).

Every run is an event of its own, in UTC: no program's idea of a time zone can move it. Its UID follows from the store, the
campaign and the slot, so that an import of tomorrow's file brings what is there up to date instead of doubling it; what will not
happen after all is in the file as cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from tillroll.plan.calendar.coming import Coming, Forecast, NotComing

_LENGTH = timedelta(minutes=15)  # an event without a length is hard to see, and harder to click
_REVISIONS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_ODD = re.compile(r"[^A-Za-z0-9.:+-]+")


def to_ics(
    forecast: Forecast, *, store: str, store_id: int, zone: str, now: datetime, say: Callable[[Coming], str]
) -> bytes:
    """The file's bytes. `say` words a run's reach and money; `zone` is only what programs show the calendar in."""
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
    for gone in forecast.not_coming:
        if gone.at is not None and gone.key:
            calendar.add_component(_cancelled(gone, gone.at, store_id, now))
    content: bytes = calendar.to_ical()
    return content


def _event(campaign: str, key: str, at: datetime, store_id: int, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{_ODD.sub('-', f'{campaign}.{key}')}@{store_id}.tillroll")
    event.add("dtstamp", now.replace(microsecond=0))
    event.add("sequence", max(0, int((now - _REVISIONS_FROM).total_seconds() // 60)))
    event.add("dtstart", at)
    event.add("dtend", at + _LENGTH)
    event.add("transp", "TRANSPARENT")  # nobody is busy because of it
    event.add("categories", [campaign])
    return event


def _cancelled(gone: NotComing, at: datetime, store_id: int, now: datetime) -> Event:
    event = _event(gone.campaign, gone.key, at, store_id, now)
    event.add("summary", f"Not: {gone.campaign}")
    event.add("description", f"{gone.why[:1].upper()}{gone.why[1:]}.")
    event.add("status", "CANCELLED")
    return event
