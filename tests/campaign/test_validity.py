"""When codes are valid: days to their end, hours exactly, whatever the store's clock does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator

from tillroll.campaign.folder.schema import KINDS
from tillroll.campaign.language.models import Valid
from tillroll.campaign.text.units import parse_wall_end
from tillroll.campaign.timing.validity import validity

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ZONES = st.sampled_from(
    ["Europe/Ljubljana", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
)


def ends(now: datetime = NOW, zone: ZoneInfo = LJUBLJANA, **valid: str) -> str:
    """Return the end of the codes by the zone's clock."""
    _, end = validity(Valid.model_validate(valid), zone, now)
    return f"{end.astimezone(zone):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("2026-12-31", "2026-12-31 23:59:59"),
        (" 2026-12-31 ", "2026-12-31 23:59:59"),
        ("2026-12-31 18:00", "2026-12-31 18:00:00"),
        ("2026-12-31 00:00", "2026-12-31 00:00:00"),
        ("2026-10-25", "2026-10-25 23:59:59"),  # the clock goes back on this day
        ("2027-03-28 02:30", "2027-03-28 03:30:00"),  # the clock skips it
        ("2026-10-25 02:30", "2026-10-25 02:30:00"),
    ],
)
def test_a_day_alone_is_good_to_its_end(written: str, end: str) -> None:
    assert ends(NOW - timedelta(days=60), until=written) == end


def test_an_end_that_the_clock_shows_twice_is_the_later_one() -> None:
    _, end = validity(Valid.model_validate({"until": "2026-10-25 02:30"}), LJUBLJANA, NOW)
    assert end == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("24h", "2026-11-24 10:00:00"),
        ("90m", "2026-11-23 11:30:00"),
        ("36h", "2026-11-24 22:00:00"),
        ("1d", "2026-11-24 23:59:59"),
        ("2w", "2026-12-07 23:59:59"),
    ],
)
def test_hours_are_exact_and_days_are_whole(written: str, end: str) -> None:
    assert ends(**{"for": written}) == end


@given(
    now=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    days=st.integers(min_value=1, max_value=400),
    zone=ZONES.map(ZoneInfo),
)
def test_days_are_counted_by_the_calendar_of_the_store(now: datetime, days: int, zone: ZoneInfo) -> None:
    start, end = validity(Valid.model_validate({"for": f"{days}d"}), zone, now)
    local = end.astimezone(zone)
    assert local.date() == now.astimezone(zone).date() + timedelta(days=days)
    assert (end + timedelta(seconds=1)).astimezone(zone).date() > local.date()
    assert start == now.replace(microsecond=0)


@given(
    now=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hours=st.integers(min_value=1, max_value=500),
    zone=ZONES.map(ZoneInfo),
)
def test_hours_pass_alike_in_every_zone(now: datetime, hours: int, zone: ZoneInfo) -> None:
    start, end = validity(Valid.model_validate({"for": f"{hours}h"}), zone, now)
    assert end - start == timedelta(hours=hours)


def dated_keys(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, list[object]]]:
    """Yield every key of a model, and of those in it, that holds a date and a time, with its annotations."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        parts = [field.annotation, *get_args(field.annotation)]
        nested = [inner for part in parts for inner in get_args(part)]
        if datetime in parts or datetime in nested:
            found = [*field.metadata, *nested]
            yield field.alias or name, found
        for part in (*parts, *nested):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from dated_keys(part, seen)


def test_every_key_that_ends_something_takes_a_day_to_its_end() -> None:
    seen: set[type[BaseModel]] = set()
    keys = [pair for model in KINDS.values() for pair in dated_keys(model, seen)]
    ending = {
        key
        for key, parts in keys
        if any(isinstance(part, BeforeValidator) and part.func is parse_wall_end for part in parts)
    }
    assert {key for key, _ in keys} == {"at", "from", "until"}, "is a new key a beginning or an end?"
    assert ending == {"until"}
