"""Every slot fires once at its local time: through both clock changes, a leap day and ends of months, in five time zones.

The expected slots are computed by reading the local time of every minute, which no part of the product does.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import book_of
from tests.shop import add_store
from tillroll.campaign import Book
from tillroll.campaign.language.models import IfLate
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import open_engine, reading
from tillroll.ledger.tables import runs, stores
from tillroll.outlook.coming import ForecastWindow
from tillroll.outlook.forecast import forecast
from tillroll.outlook.upcoming import read_forecast_input
from tillroll.plan.due.slots import create_due_runs
from tillroll.plan.record.revisions import record_book

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

CHANGES = {  # the days on which the clocks change in 2027
    "Europe/Ljubljana": (date(2027, 3, 28), date(2027, 10, 31)),
    "America/New_York": (date(2027, 3, 14), date(2027, 11, 7)),
    "America/St_Johns": (date(2027, 3, 14), date(2027, 11, 7)),
    "Australia/Lord_Howe": (date(2027, 10, 3), date(2027, 4, 4)),  # by half an hour
    "Asia/Kolkata": (),  # never
}
LEAP, MONTHS_END = date(2028, 2, 29), date(2027, 4, 30)
STRETCHES = [(zone, day) for zone, days in CHANGES.items() for day in (*days, LEAP, MONTHS_END)]

Days = Callable[[date], bool]


def _last_of_month(day: date) -> bool:
    return day.day == monthrange(day.year, day.month)[1]


DAILY: dict[str, tuple[str, str, Days]] = {  # campaign → cron, time of day, predicate of its days
    "at-0215": ("15 2 * * *", "02:15", lambda _: True),
    "at-0230": ("30 2 * * *", "02:30", lambda _: True),
    "morning": ("0 9 * * *", "09:00", lambda _: True),
    "midnight": ("0 0 * * *", "00:00", lambda _: True),
    "months-end": ("0 23 last * *", "23:00", _last_of_month),
    "the-31st": ("0 9 31 * *", "09:00", lambda day: day.day == 31),
    "leap-day": ("30 2 29 FEB *", "02:30", lambda day: (day.month, day.day) == (2, 29)),
    "sundays": ("30 1 * * SUN", "01:30", lambda day: day.weekday() == 6),
}


def campaign(when: str) -> str:
    return f"""title: By the clock
owner: ana@shop.example
status: active
when: {{{when}}}
who: {{segment: lapsed-90}}
message: {{template: note, subject: Hello}}
"""


@cache
def moments(zone: ZoneInfo, start: datetime, end: datetime) -> dict[str, list[datetime]]:
    """Return the moments at which a local clock shows each time, minute by minute."""
    seen: dict[str, list[datetime]] = {}
    at = start
    while at <= end:
        seen.setdefault(f"{at.astimezone(zone):%Y-%m-%dT%H:%M}", []).append(at)
        at += MINUTE
    return seen


def on_the_wall(
    zone: ZoneInfo, clock: str, days: Days, after: datetime, until: datetime
) -> Iterator[tuple[str, datetime]]:
    """Yield the slots of a time of day: the first moment the clock shows that time or, if it is skipped, a later time."""
    seen = moments(zone, after - DAY, until + DAY)
    day = (after - DAY / 2).astimezone(zone).date()
    while day <= (until + DAY / 2).astimezone(zone).date():
        key = f"{day}T{clock}"
        shown = seen.get(key) or [at for later, ats in seen.items() if later > key for at in ats]
        if days(day) and after < min(shown) <= until:
            yield key, min(shown)
        day += DAY


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


def open_shop(engine: Engine, zone: str, book: Book, now: datetime) -> int:
    store_id = add_store(engine, timezone=zone)
    record_book(engine, store_id=store_id, book=book, now=now)
    return store_id


def made(engine: Engine, name: str) -> list[tuple[str, datetime]]:
    """Return the slots of a campaign that became runs."""
    with reading(engine) as connection:
        query = sa.select(runs).where(runs.c.campaign == name, runs.c.state == RunState.PLANNING)
        return [(row.slot_key, row.slot_at) for row in connection.execute(query.order_by(runs.c.slot_at))]


def forecast_keys(
    engine: Engine, store_id: int, book: Book, now: datetime, until: datetime
) -> dict[str, list[str]]:
    """Return the slots that the calendar shows at the start."""
    with reading(engine) as connection:
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    forecast_input = read_forecast_input(engine, store=store, book=book, now=now)
    window = ForecastWindow(zone=ZoneInfo(store.timezone), now=now, start=now, until=until)
    result = forecast(forecast_input.scheduled, forecast_input.awaited, forecast_input.overlaps, window)
    return {name: [run.key for run in result.runs if run.campaign == name] for name in book.revisions}


@pytest.mark.parametrize(("place", "day"), STRETCHES, ids=lambda value: str(value).replace("/", "-"))
def test_each_slot_fires_once_at_its_local_time(sqlite: Engine, place: str, day: date) -> None:
    zone = ZoneInfo(place)
    start = datetime(day.year, day.month, day.day, 11, 7, tzinfo=UTC) - 2 * DAY
    end = start + 3 * DAY + 5 * HOUR
    texts = {name: campaign(f'cron: "{cron}"') for name, (cron, _, _) in DAILY.items()}
    book = book_of(**texts, odd_hours=campaign("every: 5h"), once=campaign(f"at: {day} 02:15"))
    store_id = open_shop(sqlite, place, book, start)
    expected = forecast_keys(sqlite, store_id, book, start, end)
    at = start
    while at < end:
        at = min(end, at + timedelta(minutes=251))
        create_due_runs(sqlite, store_id=store_id, now=at)
        create_due_runs(sqlite, store_id=store_id, now=at)  # as a second worker would
    for name, (_, clock, days) in DAILY.items():
        assert made(sqlite, name) == list(on_the_wall(zone, clock, days, start, end)), name
    assert made(sqlite, "once") == list(on_the_wall(zone, "02:15", day.__eq__, start, end))
    assert [at for _, at in made(sqlite, "odd-hours")] == [start + n * 5 * HOUR for n in range(1, 16)]
    assert expected == {name: [key for key, _ in made(sqlite, name)] for name in book.revisions}


@pytest.mark.parametrize("place", ["Europe/Ljubljana", "Australia/Lord_Howe"])
def test_slots_missed_during_a_clock_change_follow_if_late(sqlite: Engine, place: str) -> None:
    zone = ZoneInfo(place)
    cases = [
        (name, if_late, within)
        for name in ("at-0215", "at-0230", "midnight", "sundays")
        for if_late in IfLate
        for within in (1, 3, 30)
    ]
    texts = {
        f"{name}-{if_late.replace('_', '-')}-{within}": campaign(
            f'cron: "{DAILY[name][0]}", if_late: {if_late}, within: {within}h'
        )
        for name, if_late, within in cases
    }
    for number, day in enumerate(CHANGES[place]):
        start = datetime(day.year, day.month, day.day, 2, 0, tzinfo=zone).astimezone(UTC) - 27 * HOUR
        now = start + 29 * HOUR
        store_id = add_store(sqlite, timezone=place, ecwid_id=number)
        record_book(sqlite, store_id=store_id, book=book_of(**texts), now=start)
        create_due_runs(sqlite, store_id=store_id, now=now)
        with reading(sqlite) as connection:
            query = sa.select(runs).where(runs.c.store_id == store_id).order_by(runs.c.slot_at)
            rows = connection.execute(query).all()
        for campaign_name, (name, if_late, within) in zip(texts, cases, strict=True):
            missed = list(on_the_wall(zone, *DAILY[name][1:], start, now))
            in_time = [key for key, at in missed if now - at <= within * HOUR]
            expected = {IfLate.SKIP: [], IfLate.RUN_ONCE: in_time[-1:], IfLate.CATCH_UP: in_time}[if_late]
            of_campaign = [row for row in rows if row.campaign == campaign_name]
            assert [row.slot_key for row in of_campaign if row.state == RunState.PLANNING] == expected, (
                campaign_name
            )
            assert [row.slot_key for row in of_campaign] == [key for key, _ in missed], campaign_name
            assert all(row.reason for row in of_campaign if row.state == RunState.SKIPPED)


@pytest.mark.slow
@pytest.mark.parametrize("place", CHANGES)
def test_each_slot_of_a_year_fires_once(sqlite: Engine, place: str) -> None:
    zone, start = ZoneInfo(place), datetime(2027, 12, 30, 22, 43, tzinfo=UTC)
    end = start + 368 * DAY  # with a leap day, both changes, and every month's end
    texts = {name: campaign(f'cron: "{cron}", within: 1d') for name, (cron, _, _) in DAILY.items()}
    store_id = open_shop(sqlite, place, book_of(**texts), start)
    at = start
    while at < end:
        at = min(end, at + timedelta(hours=11, minutes=29))
        create_due_runs(sqlite, store_id=store_id, now=at)
    for name, (_, clock, days) in DAILY.items():
        made_slots = made(sqlite, name)
        assert made_slots == list(on_the_wall(zone, clock, days, start, end)), name
