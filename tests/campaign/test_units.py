"""Quantities as people write them: valid ones are read exactly, others are refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.text.units import (
    LONGEST,
    ClockWindow,
    parse_ago,
    parse_clock_window,
    parse_day,
    parse_decimal,
    parse_duration,
    parse_share,
    parse_wall_time,
    say_duration,
    spell_duration,
)

PARSERS = [
    parse_duration,
    parse_ago,
    parse_decimal,
    parse_share,
    parse_clock_window,
    parse_wall_time,
    parse_day,
]
_lengths = st.integers(1, int(LONGEST.total_seconds() // 60)).map(lambda minutes: timedelta(minutes=minutes))


@given(_lengths)
def test_a_duration_written_and_read_is_the_same(length: timedelta) -> None:
    text = say_duration(length)
    if len(text) <= 6:  # five digits and a unit
        assert parse_duration(text) == length
        if length > timedelta(minutes=24):  # fewer may be meant in months
            assert parse_ago(f"{text} ago") == length


@pytest.mark.parametrize(
    ("length", "short", "words"),
    [
        (timedelta(days=14), "14d", "14 days"),
        (timedelta(days=1), "1d", "1 day"),
        (timedelta(hours=36), "36h", "36 hours"),
        (timedelta(minutes=90), "90m", "90 minutes"),
        (timedelta(weeks=2), "14d", "14 days"),
    ],
)
def test_a_duration_in_words(length: timedelta, short: str, words: str) -> None:
    assert say_duration(length) == short
    assert spell_duration(length) == words


@given(st.decimals("-999999999999", "999999999999", places=6, allow_nan=False))
def test_a_number_is_read_exactly(number: Decimal) -> None:
    assert parse_decimal(f"{number:f}") == number


@given(st.decimals(0, "99.99", places=2, allow_nan=False))
def test_a_percentage_is_read_as_a_fraction(number: Decimal) -> None:
    assert parse_share(f"{number} %") == number / 100
    assert parse_share(f"{number}%") * 100 == number


@given(st.times(), st.times(), st.times())
def test_a_window_and_its_opposite_cover_the_day(start: time, end: time, wall: time) -> None:
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if start == end:
        return
    window = parse_clock_window(f"{start:%H:%M}-{end:%H:%M}")
    assert str(window) == f"{start:%H:%M}-{end:%H:%M}"
    assert window.contains(wall) != ClockWindow(start=end, end=start).contains(wall)
    assert window.contains(start)
    assert not window.contains(end)


@given(st.dates(date(2000, 1, 1), date(2199, 12, 31)), st.times())
def test_a_wall_time_written_and_read_is_the_same(day: date, clock: time) -> None:
    wall = datetime.combine(day, clock.replace(microsecond=0, second=0, fold=0))
    assert parse_wall_time(f"{wall:%Y-%m-%d %H:%M}") == wall
    assert parse_wall_time(f"{wall:%Y-%m-%dT%H:%M:%S}") == wall


@given(st.dates(date(2000, 1, 1), date(2199, 12, 31)))
def test_a_day_written_and_read_is_the_same(day: date) -> None:
    assert parse_day(day.isoformat()) == day


NEITHER = [
    None,
    True,
    False,
    [],
    {},
    "",
    "  ",
    "x",
    "١٤d",
    "1e5",
    "0x10",
    "1_000",
    "inf",
    "nan",
    "-0d",
    "0d",
    "1.5d",
    "14D",
    "1" * 400,
    10**4000,
    "24:00-08:00",
    "08:00-08:00",
    "2026-02-29",
    "100%",
    "-1%",
]


@pytest.mark.parametrize(
    "raw", NEITHER, ids=lambda raw: repr(raw)[:20] if not isinstance(raw, int) else "int"
)
def test_an_invalid_quantity_is_refused_with_a_sentence(raw: Any) -> None:
    for parse in PARSERS:
        with pytest.raises(ValueError, match=r".") as refusal:
            parse(raw)
        assert 10 < len(str(refusal.value)) < 200


@given(st.text(max_size=30) | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_else_is_read_or_refused(raw: Any) -> None:
    for parse in PARSERS:
        with suppress(ValueError):
            parse(raw)


def test_money_keeps_its_cents() -> None:
    assert parse_decimal(19.99) == Decimal("19.99")
    assert parse_decimal("0.1") + parse_decimal("0.2") == Decimal("0.3")
