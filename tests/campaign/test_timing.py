"""The moments of a run, by the store's clock and in UTC, with every edge said."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shop import NOW, campaign_text, sample_book
from tillroll.campaign.text.units import parse_wall_time
from tillroll.campaign.timing.moments import Timing, say_meant, say_minutes, say_moment, timing, wall_fault

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
MIN, MAX = parse_wall_time("2020-01-01"), parse_wall_time("2037-12-31")


def of(begins: datetime, *edits: tuple[str, str], zone: ZoneInfo = LJUBLJANA) -> Timing:
    text = campaign_text("winback")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    revision = sample_book(winback=text).revisions["winback"]
    return timing(revision, zone=zone, begins=begins, messages=900)


def test_codes_work_to_the_end_of_the_store_s_day_and_the_day_of_utc_is_said() -> None:
    found = of(NOW)
    (works,) = found.works
    assert say_moment(works.end, LJUBLJANA) == "Mon 07 Dec 2026, 23:59:59 CET (22:59:59 UTC)"
    assert found.schedule == "on day 1 of every month at 09:00 (Europe/Ljubljana)"
    (note,) = found.notes
    assert (
        "the last one is 07 Dec 2026 22:59:59 UTC. Its admin shows, and would save, whole days of UTC" in note
    )


def test_west_of_greenwich_the_last_day_is_another_one_in_utc() -> None:
    (note,) = of(NOW, zone=ZoneInfo("America/New_York")).notes
    assert "08 Dec 2026 04:59:59 UTC, another day than the 07 Dec of the store's own clock" in note


@pytest.mark.parametrize(
    ("begins", "said"),
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
def test_a_change_of_the_clock_in_between_is_said_plainly(begins: datetime, said: str) -> None:
    found = of(begins)
    assert found.notes[-1].startswith(said)
    assert f"{found.works[0].end.astimezone(LJUBLJANA):%H:%M:%S}" == "23:59:59"


def test_quiet_hours_say_when_the_first_e_mail_leaves_and_the_rate_how_long_they_take() -> None:
    late = NOW.replace(hour=21)
    found = of(late, ("{if_unknown: skip}", '{quiet_hours: "21:00-08:00", rate: 30/m}'))
    assert found.first_mail == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert found.mail_minutes == 30.0


def test_arms_that_work_at_other_times_are_told_apart() -> None:
    arms = (
        "\nvariants:\n  - {name: short, weight: 1}\n  - {name: long, weight: 1, offer: {valid: {for: 30d}}}\n"
    )
    found = of(NOW, ("\nbudget:", f"{arms}\nbudget:"))
    assert [one.arm for one in found.works] == ["short", "long"]


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
def test_a_time_that_the_clock_skips_or_repeats_is_no_moment(wall: datetime, why: str, meant: str) -> None:
    assert why in wall_fault(wall, LJUBLJANA)
    assert say_meant(wall, LJUBLJANA) == meant
    assert wall_fault(wall.replace(day=1), LJUBLJANA) == ""


@given(
    st.sampled_from(["Europe/Ljubljana", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.datetimes(min_value=MIN, max_value=MAX, timezones=st.just(UTC)),
)
def test_codes_end_with_a_day_of_the_store_s_in_any_zone_and_at_any_moment(zone: str, at: datetime) -> None:
    found = of(at, zone=ZoneInfo(zone))
    (works,) = found.works
    here = works.end.astimezone(ZoneInfo(zone))
    assert f"{here:%H:%M:%S}" == "23:59:59"
    assert works.start <= at < works.end
    assert say_moment(works.end, ZoneInfo(zone)).startswith(f"{here:%a %d %b %Y}, 23:59:59 ")
    offsets = {one.astimezone(ZoneInfo(zone)).utcoffset() for one in (at, works.end)}
    assert len(offsets) == 1 or any(note.startswith("The clock goes") for note in found.notes)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0.0, "1 second"),
        (0.1, "6 seconds"),
        (1.1, "1 minute"),
        (59.4, "59 minutes"),
        (60.0, "1 hour"),
        (121.0, "2 hours 1 minute"),
    ],
)
def test_a_length_of_time_is_said_as_people_say_it(minutes: float, said: str) -> None:
    assert say_minutes(minutes) == said
