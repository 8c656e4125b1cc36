"""Quiet hours by the clock of the place where a reader lives, and the zones that an address may lie in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.text.units import parse_clock_window
from tillroll.campaign.timing.places import Residence, zones_of
from tillroll.campaign.timing.quiet import QuietTimes

LJUBLJANA = ZoneInfo("Europe/Ljubljana")
EVENING = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)  # 22:00 in Ljubljana


def times(hours: str = "21:00-08:00", *, quiet: str = "") -> QuietTimes:
    return QuietTimes(
        zone=LJUBLJANA, hours=parse_clock_window(hours), is_quiet=lambda day: day.isoformat() == quiet
    )


@pytest.mark.parametrize(
    ("place", "opens"),
    [
        (Residence(), "2026-11-24T07:00"),  # by the campaign's own clock
        (Residence("ZZ"), "2026-11-24T07:00"),
        (Residence("SI"), "2026-11-24T07:00"),
        (Residence("GB"), "2026-11-24T08:00"),  # 21:00 in London
        (Residence("UK"), "2026-11-24T08:00"),  # a name that some stores give it
        (Residence("JP"), "2026-11-23T23:00"),
        (Residence("US", "NY"), "2026-11-23T21:00"),  # 16:00 there
        (Residence("US", "us-ny"), "2026-11-23T21:00"),
        (Residence("US"), "2026-11-23T21:00"),  # from 11:00 in Honolulu to 16:00 in New York
        (Residence("CN"), "2026-11-24T02:00"),  # 08:00 in Urumqi, two hours after Shanghai
        (Residence("RU"), "2026-11-24T06:00"),  # 08:00 in Kaliningrad, and 18:00 in Kamchatka
    ],
)
def test_the_readers_own_clock_counts_and_the_strictest_of_several(place: Residence, opens: str) -> None:
    assert f"{times().opens(EVENING, place):%Y-%m-%dT%H:%M}" == opens


def test_a_state_with_two_zones_has_both() -> None:
    at = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)  # 08:30 in Miami, 07:30 in Pensacola
    assert times().opens(at, Residence("US", "GA")) == at
    assert times().opens(at, Residence("US", "FL")) == at + timedelta(minutes=30)


def test_where_it_is_always_quiet_somewhere_the_campaigns_clock_counts() -> None:
    assert f"{times('18:00-10:00').opens(EVENING, Residence('RU')):%Y-%m-%dT%H:%M}" == "2026-11-24T09:00"


def test_a_quiet_day_of_the_campaign_holds_for_readers_everywhere() -> None:
    opens = times(quiet="2026-11-24").opens(EVENING, Residence("JP"))
    assert f"{opens:%Y-%m-%dT%H:%M}" == "2026-11-24T23:00"  # Tokyo's 08:00 after Ljubljana's midnight


def test_all_countries_have_zones_of_this_machine() -> None:
    from babel.core import get_global

    without = {code for code in get_global("territory_zones") if not zones_of(Residence(code))}
    assert without == {"001", "AQ"}


@given(
    at=st.integers(0, 2 * 365 * 24).map(lambda hours: EVENING + timedelta(hours=hours)),
    country=st.sampled_from(["SI", "US", "RU", "AU", "BR", "ID", "MX", "CL", "NZ", "PF", "KI"]),
    start=st.integers(18, 23),
    end=st.integers(5, 9),
)
def test_an_e_mail_leaves_as_soon_as_it_is_quiet_in_no_zone(
    at: datetime, country: str, start: int, end: int
) -> None:
    hours = f"{start:02}:00-{end:02}:00"
    zones = zones_of(Residence(country))
    quarters = (at + timedelta(minutes=15 * step) for step in range(4 * 48))
    first = next(
        (each for each in quarters if not any(_is_quiet(each, zone, start, end) for zone in zones)), None
    )
    if first is not None:
        assert times(hours).opens(at, Residence(country)) == first


def _is_quiet(at: datetime, zone: ZoneInfo, start: int, end: int) -> bool:
    return not end <= at.astimezone(zone).hour < start
