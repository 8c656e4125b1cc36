"""Slots by the wall clock: each wall time once, through every clock change; missed slots; quiet hours; triggers in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tillroll.campaign.language.models import IfLate, When
from tillroll.campaign.text.units import ClockWindow, parse_wall_time
from tillroll.campaign.timing.quiet import earliest_send
from tillroll.campaign.timing.schedule import PUNCTUAL, Slot, cron_fault, describe, due, next_slot, slots

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
ZONES = [LJUBLJANA, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]
_moments = st.integers(0, 3_000_000).map(lambda minutes: utc("2024-01-01") + timedelta(minutes=minutes))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(when: When, start: str, end: str, zone: ZoneInfo = LJUBLJANA) -> list[Slot]:
    return list(slots(when, zone=zone, first_seen=utc("2026-01-01"), after=utc(start), until=utc(end)))


def test_a_time_skipped_in_spring_fires_once_after_the_gap() -> None:
    slots = between(When(cron="30 2 * * *"), "2026-03-28 00:00", "2026-03-30 23:00")
    assert [slot.key for slot in slots] == ["2026-03-28T02:30", "2026-03-29T02:30", "2026-03-30T02:30"]
    assert [slot.at for slot in slots] == [
        utc("2026-03-28 01:30"),
        utc("2026-03-29 01:00"),  # three o'clock: the first moment after the gap
        utc("2026-03-30 00:30"),
    ]


def test_a_time_repeated_in_autumn_fires_the_first_time_only() -> None:
    slots = between(When(cron="30 2 * * *"), "2026-10-24 12:00", "2026-10-26 12:00")
    assert [slot.at for slot in slots] == [utc("2026-10-25 00:30"), utc("2026-10-26 01:30")]


def test_a_clock_change_of_half_an_hour_is_a_gap_too() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    slots = between(When(cron="15 2 * * *"), "2026-10-03 00:00", "2026-10-04 12:00", lord_howe)
    assert slots[-1].at.astimezone(lord_howe).time() == time(2, 30)


def test_wall_times_that_one_gap_moves_to_the_same_moment_are_one_slot() -> None:
    slots = between(When(cron="*/30 * * * *"), "2026-03-29 00:10", "2026-03-29 01:40")
    assert [(slot.key, slot.at) for slot in slots] == [
        ("2026-03-29T01:30", utc("2026-03-29 00:30")),
        ("2026-03-29T03:00", utc("2026-03-29 01:00")),  # 02:00 and 02:30 would come at three too
        ("2026-03-29T03:30", utc("2026-03-29 01:30")),
    ]


def test_a_single_time_in_a_gap_fires_after_it() -> None:
    slots = between(When(at=parse_wall_time("2026-03-29 02:15")), "2026-03-01", "2026-04-01")
    assert [slot.at for slot in slots] == [utc("2026-03-29 01:00")]


def test_an_interval_counts_elapsed_time_across_clock_changes() -> None:
    slots = between(When(every=timedelta(hours=12)), "2026-03-28 18:00", "2026-03-30 12:00")
    assert [slot.at for slot in slots] == [
        utc("2026-03-29 00:00"),
        utc("2026-03-29 12:00"),
        utc("2026-03-30 00:00"),
        utc("2026-03-30 12:00"),
    ]
    assert len({slot.key for slot in slots}) == 4


@given(_moments, st.integers(0, 400), st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59))
def test_every_day_has_one_slot_however_often_the_loop_looks(
    start: datetime, hours: int, zone: ZoneInfo, hour: int, minute: int
) -> None:
    when = When(cron=f"{minute} {hour} * * *")
    end = start + timedelta(hours=hours)
    whole = list(slots(when, zone=zone, first_seen=start, after=start, until=end))
    pieces: list[Slot] = []
    at = start
    while at < end:
        step = min(end, at + timedelta(hours=7, minutes=13))
        pieces += slots(when, zone=zone, first_seen=start, after=at, until=step)
        at = step
    assert pieces == whole
    assert len({slot.key for slot in whole}) == len(whole)
    assert abs(len(whole) - hours / 24) <= 1.1
    assert [slot.at for slot in whole] == sorted(slot.at for slot in whole)


@given(st.sampled_from(IfLate), st.integers(1, 60), st.integers(0, 200), st.integers(1, 72), st.booleans())
def test_every_slot_is_run_or_skipped_with_a_reason(
    if_late: IfLate, every: int, missed: int, within: int, on_the_dot: bool
) -> None:
    first = utc("2026-06-01 00:00")
    when = When(every=timedelta(hours=every), if_late=if_late, within=timedelta(hours=within))
    now = first + (timedelta(hours=every * missed) if on_the_dot else timedelta(hours=missed, minutes=7))
    decision = due(when, zone=LJUBLJANA, first_seen=first, considered_until=first, now=now)
    everything = list(slots(when, zone=LJUBLJANA, first_seen=first, after=first, until=now))
    decided = [*decision.run, *(slot for slot, _reason in decision.skipped)]
    assert sorted(slot.at for slot in decided) == [slot.at for slot in everything]
    assert len(decided) == len(set(decided))
    assert all(reason for _slot, reason in decision.skipped)
    late = [slot for slot in decision.run if now - slot.at > PUNCTUAL]
    assert all(now - slot.at <= when.within for slot in late)
    if if_late is IfLate.SKIP:
        assert late == []
    if if_late is IfLate.RUN_ONCE:
        assert len(decision.run) <= 1
    if if_late is IfLate.CATCH_UP:
        assert all(now - slot.at > when.within for slot, _ in decision.skipped)


def test_the_next_slot_and_the_trigger_in_words() -> None:
    monthly = When(cron="0 9 1 * *")
    slot = next_slot(monthly, zone=LJUBLJANA, first_seen=utc("2026-01-01"), after=utc("2026-11-23"))
    assert slot is not None
    assert slot.at == utc("2026-12-01 08:00")
    assert describe(monthly, LJUBLJANA) == "on day 1 of every month at 09:00 (Europe/Ljubljana)"
    assert describe(When(cron="0 10 * * MON"), LJUBLJANA) == "every Monday at 10:00 (Europe/Ljubljana)"
    assert describe(When(every=timedelta(days=2)), LJUBLJANA) == "every 2 days"
    last = describe(When(cron="0 9 last * *"), LJUBLJANA)
    assert last == "on the last day of every month at 09:00 (Europe/Ljubljana)"
    friday = describe(When(cron="0 9 last-FRI * *"), LJUBLJANA)
    assert friday == "on the last Friday of every month at 09:00 (Europe/Ljubljana)"
    never = When(cron="0 9 30 FEB *")
    assert next_slot(never, zone=LJUBLJANA, first_seen=utc("2026-01-01"), after=utc("2026-11-23")) is None


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("last-FRI", ["2026-04-24", "2026-05-29", "2026-06-26"]),  # a month of 30 days, whose last one is the 24th
        ("2nd-mon", ["2026-04-13", "2026-05-11", "2026-06-08"]),
        ("1st-FRI,3rd-FRI", ["2026-04-03", "2026-04-17", "2026-05-01", "2026-05-15", "2026-06-05", "2026-06-19"]),
        ("5th-FRI", ["2026-05-29"]),
    ],
)  # fmt: skip
def test_a_weekday_of_the_month(day: str, expected: list[str]) -> None:
    when = When(cron=f"0 9 {day} * *")
    period = {"after": utc("2026-04-01"), "until": utc("2026-07-01")}
    found = slots(when, zone=LJUBLJANA, first_seen=utc("2026-01-01"), **period)
    assert [slot.key for slot in found] == [f"{each}T09:00" for each in expected]


@pytest.mark.parametrize(
    ("cron", "instead"),
    [
        ("0 9 * * FRIL", "write it as the day: 0 9 last-FRI * *"),
        ("0 9 * * last-FRI", "write it as the day: 0 9 last-FRI * *"),
        ("0 9 * * Fri#2", "write it as the day: 0 9 2nd-FRI * *"),
    ],
)
def test_a_weekday_of_the_month_as_other_crons_write_it(cron: str, instead: str) -> None:
    assert cron_fault(cron) == instead
    assert not cron_fault(instead.rpartition(": ")[2])


NIGHT = ClockWindow(start=time(21), end=time(8))


@pytest.mark.parametrize(
    ("now", "earliest"),
    [
        ("2026-11-23 12:00", "2026-11-23 12:00"),  # 13:00 in Ljubljana
        ("2026-11-23 20:30", "2026-11-24 07:00"),  # 21:30: tomorrow at eight
        ("2026-11-24 05:00", "2026-11-24 07:00"),  # 06:00: today at eight
        ("2026-12-25 12:00", "2026-12-26 07:00"),  # a quiet day, then the night after it
        ("2026-12-24 20:30", "2026-12-26 07:00"),  # a quiet night before a quiet day
        ("2026-03-28 22:00", "2026-03-29 06:00"),  # the night the clocks change
    ],
)
def test_no_email_is_sent_at_night_or_on_a_quiet_day(now: str, earliest: str) -> None:
    days = [date(2026, 12, 25)]
    assert earliest_send(utc(now), zone=LJUBLJANA, quiet_hours=NIGHT, is_quiet=days.__contains__) == utc(
        earliest
    )


@given(_moments, st.sampled_from(ZONES), st.times(), st.times(), st.lists(st.dates(), max_size=3))
def test_the_earliest_moment_is_never_in_the_past_or_in_quiet_time(
    now: datetime, zone: ZoneInfo, start: time, end: time, days: list[date]
) -> None:
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    assume(start != end)
    window = ClockWindow(start=start, end=end)
    earliest = earliest_send(now, zone=zone, quiet_hours=window, is_quiet=days.__contains__)
    wall = earliest.astimezone(zone)
    assert earliest >= now
    assert wall.date() not in days
    assert not window.contains(wall.time())


@pytest.mark.parametrize(
    ("on", "phrase"),
    [
        ("customer_created", "when somebody becomes a customer"),
        ({"order_placed": {"number": 1}}, "when a customer places their order no. 1"),
        ({"order_placed": {"total_at_least": "50"}}, "when a customer places an order of 50 or more"),
        ({"cart_abandoned": {"total_at_least": "30"}}, "when a cart of 30 or more is abandoned"),
        ({"spent_reached": {"amount": "500"}}, "when a customer's orders reach 500"),
        ({"inactive": {"for": "90d"}}, "when a customer has not ordered for 90 days"),
        (
            {"review_left": {"rating_at_least": 4}},
            "when a customer's review of 4 stars or more is published",
        ),
        ("favourite_added", "when a customer marks a product as a favourite"),
        ("favourite_price_drop", "when the price of a customer's favourite falls"),
        (
            {"favourite_price_drop": {"by_at_least": "10%"}},
            "when the price of a customer's favourite falls by 10% or more",
        ),
        ("favourite_back_in_stock", "when a customer's favourite is back in stock"),
        ({"group_entered": {"group": "Wholesale"}}, "when a customer enters the group Wholesale"),
        ({"segment_entered": {"segment": "vips"}}, "when a customer comes into the segment vips"),
        ({"segment_left": {"segment": "vips"}}, "when a customer leaves the segment vips"),
        ("time_to_buy_again", "when it is time for a customer's next order, by their own rhythm"),
        (
            {"time_to_buy_again": {"product": "TEA-01"}},
            "when it is time for a customer to buy TEA-01 again",
        ),
        (
            {"order_placed": {"products": ["POT-01"], "categories": ["Cups"]}},
            "when a customer places an order with POT-01 or anything in Cups",
        ),
        ("back_in_stock", "when a product is back in stock"),
        ({"overstocked": {"over": 100}}, "when more than 100 pieces of a product are in stock"),
        (
            {"overstocked": {"over": 9, "categories": ["Cups", "Tea/Green"]}},
            "when more than 9 pieces of a product in Cups or Tea/Green are in stock",
        ),
        (
            {"low_stock": {"below": 5, "categories": ["Tea"]}},
            "when fewer than 5 pieces of a product in Tea are left",
        ),
        ({"back_in_stock": {"categories": ["Tea"]}}, "when a product in Tea is back in stock"),
        ({"low_stock": {"below": 5}}, "when fewer than 5 pieces of a product are left"),
        ("low_stock", "when a product is running low"),
        ({"custom": {"event": "quiz"}}, "when the event quiz is received"),
    ],
)
def test_a_trigger_reads_as_a_phrase(on: Any, phrase: str) -> None:
    when = When.model_validate({"on": on})
    assert describe(when, ZoneInfo("UTC")) == phrase
    later = When.model_validate({"on": on, "after": "2h"})
    assert describe(later, ZoneInfo("UTC")) == phrase.replace("when", "2 hours after", 1)
    began = utc("2026-11-23")
    assert next_slot(when, zone=ZoneInfo("UTC"), first_seen=began, after=began) is None


@pytest.mark.parametrize(
    ("on", "after", "phrase"),
    [
        ({"birthday": {"field": "Born"}}, None, "on a customer's birthday"),
        ({"birthday": {"field": "Born"}}, "9h", "at 09:00, on a customer's birthday"),
        ({"birthday": {"field": "Born", "before": "7d"}}, None, "7 days before a customer's birthday"),
        (
            {"birthday": {"field": "Born", "before": "7d"}},
            "9h",
            "at 09:00, 7 days before a customer's birthday",
        ),
        (
            {"birthday": {"field": "Born", "before": "6h"}},
            None,
            "at 18:00, 1 day before a customer's birthday",
        ),
        ({"birthday": {"field": "Born"}}, "2d", "2 days after a customer's birthday"),
        (
            {"first_order_anniversary": {"before": "7d"}},
            None,
            "7 days before the anniversary of a customer's first order",
        ),
    ],
)
def test_an_event_about_a_day_says_the_time_and_the_distance(on: Any, after: str | None, phrase: str) -> None:
    when = When.model_validate({"on": on, **({"after": after} if after else {})})
    assert describe(when, ZoneInfo("UTC")) == phrase


def test_amounts_of_an_event_carry_the_stores_currency() -> None:
    when = When.model_validate({"on": {"cart_abandoned": {"total_at_least": 30}}})
    assert describe(when, ZoneInfo("UTC"), "EUR") == "when a cart of €30 or more is abandoned"
