"""Every slot once, at the wall time the file says: through both changes of the clocks, a leap day, months' ends, in five zones.

What should happen is worked out by looking at the clock on the wall every minute, which no part of the product does.
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

from tests.plan.events import book_of
from tests.shop import add_store
from tillroll.campaign import Book
from tillroll.campaign.language.models import IfLate
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import open_engine, reading
from tillroll.ledger.tables import runs, stores
from tillroll.plan.calendar.coming import Window
from tillroll.plan.calendar.forecast import forecast
from tillroll.plan.calendar.upcoming import upcoming
from tillroll.plan.record import record_book
from tillroll.plan.slots import materialise

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


DAILY: dict[str, tuple[str, str, Days]] = {  # campaign → cron, its time of day, the days it is for
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
    """What the clock on the wall shows, minute by minute: the time → the moments at which it shows it."""
    seen: dict[str, list[datetime]] = {}
    at = start
    while at <= end:
        seen.setdefault(f"{at.astimezone(zone):%Y-%m-%dT%H:%M}", []).append(at)
        at += MINUTE
    return seen


def on_the_wall(
    zone: ZoneInfo, clock: str, days: Days, after: datetime, until: datetime
) -> Iterator[tuple[str, datetime]]:
    """The slots of a time of day: the first moment the clock shows it, or else the first at which it shows a later one."""
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
    """The slots of a campaign that became runs, each once."""
    with reading(engine) as connection:
        query = sa.select(runs).where(runs.c.campaign == name, runs.c.state == RunState.PLANNING)
        return [(row.slot_key, row.slot_at) for row in connection.execute(query.order_by(runs.c.slot_at))]


def foretold(
    engine: Engine, store_id: int, book: Book, now: datetime, until: datetime
) -> dict[str, list[str]]:
    """The slots that the calendar shows at the start."""
    with reading(engine) as connection:
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    known = upcoming(engine, store=store, book=book, now=now)
    window = Window(zone=ZoneInfo(store.timezone), now=now, start=now, until=until)
    found = forecast(known.scheduled, known.awaited, known.overlaps, window)
    return {name: [run.key for run in found.runs if run.campaign == name] for name in book.revisions}


@pytest.mark.parametrize(("place", "day"), STRETCHES, ids=lambda value: str(value).replace("/", "-"))
def test_each_slot_fires_once_at_the_time_on_the_wall(sqlite: Engine, place: str, day: date) -> None:
    zone = ZoneInfo(place)
    start = datetime(day.year, day.month, day.day, 11, 7, tzinfo=UTC) - 2 * DAY
    end = start + 3 * DAY + 5 * HOUR
    texts = {name: campaign(f'cron: "{cron}"') for name, (cron, _, _) in DAILY.items()}
    book = book_of(**texts, odd_hours=campaign("every: 5h"), once=campaign(f"at: {day} 02:15"))
    store_id = open_shop(sqlite, place, book, start)
    told = foretold(sqlite, store_id, book, start, end)
    at = start
    while at < end:
        at = min(end, at + timedelta(minutes=251))
        materialise(sqlite, store_id=store_id, now=at)
        materialise(sqlite, store_id=store_id, now=at)  # a second clock
    for name, (_, clock, days) in DAILY.items():
        assert made(sqlite, name) == list(on_the_wall(zone, clock, days, start, end)), name
    assert made(sqlite, "once") == list(on_the_wall(zone, "02:15", day.__eq__, start, end))
    assert [at for _, at in made(sqlite, "odd-hours")] == [start + n * 5 * HOUR for n in range(1, 16)]
    assert told == {name: [key for key, _ in made(sqlite, name)] for name in book.revisions}


@pytest.mark.parametrize("place", ["Europe/Ljubljana", "Australia/Lord_Howe"])
def test_a_worker_that_is_down_while_the_clocks_change_does_what_the_file_says(
    sqlite: Engine, place: str
) -> None:
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
        materialise(sqlite, store_id=store_id, now=now)
        with reading(sqlite) as connection:
            query = sa.select(runs).where(runs.c.store_id == store_id).order_by(runs.c.slot_at)
            found = connection.execute(query).all()
        for called, (name, if_late, within) in zip(texts, cases, strict=True):
            missed = list(on_the_wall(zone, *DAILY[name][1:], start, now))
            in_time = [key for key, at in missed if now - at <= within * HOUR]
            wanted = {IfLate.SKIP: [], IfLate.RUN_ONCE: in_time[-1:], IfLate.CATCH_UP: in_time}[if_late]
            mine = [row for row in found if row.campaign == called]
            assert [row.slot_key for row in mine if row.state == RunState.PLANNING] == wanted, called
            assert [row.slot_key for row in mine] == [key for key, _ in missed], called
            assert all(row.reason for row in mine if row.state == RunState.SKIPPED)


@pytest.mark.slow
@pytest.mark.parametrize("place", CHANGES)
def test_a_year_of_slots_each_once(sqlite: Engine, place: str) -> None:
    zone, start = ZoneInfo(place), datetime(2027, 12, 30, 22, 43, tzinfo=UTC)
    end = start + 368 * DAY  # with a leap day, both changes, and every month's end
    texts = {name: campaign(f'cron: "{cron}", within: 1d') for name, (cron, _, _) in DAILY.items()}
    store_id = open_shop(sqlite, place, book_of(**texts), start)
    at = start
    while at < end:
        at = min(end, at + timedelta(hours=5, minutes=29))
        materialise(sqlite, store_id=store_id, now=at)
    for name, (_, clock, days) in DAILY.items():
        found = made(sqlite, name)
        assert found == list(on_the_wall(zone, clock, days, start, end)), name
