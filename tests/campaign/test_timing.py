"""The moments of a run, by the store's clock and in UTC, with notes on ends of days and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shop import NOW, campaign_text, sample_book
from tillroll.campaign.text.units import parse_wall_time
from tillroll.campaign.timing.moments import (
    Timing,
    say_both_moments,
    say_minutes,
    say_moment,
    timing,
    wall_fault,
)

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
MIN, MAX = parse_wall_time("2020-01-01"), parse_wall_time("2037-12-31")


def of(begins: datetime, *edits: tuple[str, str], zone: ZoneInfo = LJUBLJANA) -> Timing:
    text = campaign_text("winback")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    revision = sample_book(winback=text).revisions["winback"]
    return timing(revision, zone=zone, begins=begins, messages=900)


def test_codes_end_with_the_stores_day_and_the_note_has_the_utc_time() -> None:
    timing = of(NOW)
    (works,) = timing.works
    assert say_moment(works.end, LJUBLJANA) == "Mon 07 Dec 2026, 23:59:59 CET (22:59:59 UTC)"
    assert timing.schedule == "on day 1 of every month at 09:00 (Europe/Ljubljana)"
    (note,) = timing.notes
    assert (
        "the codes end on 07 Dec 2026 at 22:59:59 UTC. Don't edit the dates in the store's admin: it keeps only whole UTC days"
        in note
    )


@pytest.mark.parametrize(
    ("announce", "first", "note"),
    [
        ("false", "2026-11-27T08:00", "the e-mails wait until then"),
        ("true", "2026-11-23T09:00", "sent before their codes work"),
    ],
)
def test_e_mails_wait_for_codes_that_work_later(announce: str, first: str, note: str) -> None:
    valid = "{from: 2026-11-27 09:00, until: 2026-11-30}"
    timing = of(NOW, ("{for: 14d}", valid), ("approval:", f"announce: {announce}\napproval:"))
    assert f"{timing.first_mail:%Y-%m-%dT%H:%M}" == first
    assert note in timing.notes[0]


def test_west_of_greenwich_the_note_has_both_days() -> None:
    (note,) = of(NOW, zone=ZoneInfo("America/New_York")).notes
    assert "08 Dec 2026 at 04:59:59 UTC, which is 07 Dec by the store's own clock" in note


@pytest.mark.parametrize(
    ("begins", "note"),
    [
        (
            datetime(2027, 10, 20, 10, tzinfo=UTC),
            "The clock goes back an hour on Sun 31 Oct 2027 in Europe/Ljubljana",
        ),
        (
            datetime(2027, 3, 20, 10, tzinfo=UTC),
            "The clock goes forward an hour on Sun 28 Mar 2027 in Europe/Ljubljana",
        ),
    ],
)
def test_a_clock_change_in_between_is_noted(begins: datetime, note: str) -> None:
    timing = of(begins)
    assert timing.notes[-1].startswith(note)
    assert f"{timing.works[0].end.astimezone(LJUBLJANA):%H:%M:%S}" == "23:59:59"


def test_quiet_hours_delay_the_first_e_mail_and_the_rate_sets_the_duration() -> None:
    late = NOW.replace(hour=21)
    timing = of(late, ("{if_unknown: skip}", '{quiet_hours: "21:00-08:00", rate: 30/m}'))
    assert timing.first_mail == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert timing.mail_minutes == 30.0


def test_arms_with_different_validity_are_shown_separately() -> None:
    arms = (
        "\nvariants:\n  - {name: short, weight: 1}\n  - {name: long, weight: 1, offer: {valid: {for: 30d}}}\n"
    )
    timing = of(NOW, ("\nbudget:", f"{arms}\nbudget:"))
    assert [period.arm for period in timing.works] == ["short", "long"]


@pytest.mark.parametrize(
    ("wall", "why", "meant"),
    [
        (
            parse_wall_time("2027-10-31 02:30"),
            "shows 02:30 twice",
            "2027-10-31T02:30+02:00 or 2027-10-31T02:30+01:00",
        ),
        (
            parse_wall_time("2027-03-28 02:30"),
            "never shows 02:30",
            "2027-03-28T01:30+01:00 or 2027-03-28T03:30+02:00",
        ),
    ],
)
def test_a_skipped_or_repeated_time_is_not_one_moment(wall: datetime, why: str, meant: str) -> None:
    assert why in wall_fault(wall, LJUBLJANA)
    assert say_both_moments(wall, LJUBLJANA) == meant
    assert wall_fault(wall.replace(day=1), LJUBLJANA) == ""


@given(
    st.sampled_from(["Europe/Ljubljana", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.datetimes(min_value=MIN, max_value=MAX, timezones=st.just(UTC)),
)
def test_codes_end_with_the_stores_day_in_any_zone(zone: str, at: datetime) -> None:
    timing = of(at, zone=ZoneInfo(zone))
    (works,) = timing.works
    here = works.end.astimezone(ZoneInfo(zone))
    assert f"{here:%H:%M:%S}" == "23:59:59"
    assert works.start <= at < works.end
    assert say_moment(works.end, ZoneInfo(zone)).startswith(f"{here:%a %d %b %Y}, 23:59:59 ")
    offsets = {moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in (at, works.end)}
    assert len(offsets) == 1 or any(note.startswith("The clock goes") for note in timing.notes)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.0, "1 second"),
        (0.1, "6 seconds"),
        (1.1, "1 minute"),
        (59.4, "59 minutes"),
        (60.0, "1 hour"),
        (121.0, "2 hours 1 minute"),
    ],
)
def test_minutes_in_words(minutes: float, words: str) -> None:
    assert say_minutes(minutes) == words
