"""Time zones as stores name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tillroll.campaign.text.zones import zone_name, zone_names, zone_of

WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


def offset(name: str, at: datetime = WINTER) -> timedelta | None:
    return at.astimezone(zone_of(name)).utcoffset()


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        ("GMT+1", 1), ("GMT-5", -5), ("UTC+02:00", 2), ("+02:00", 2), ("+0200", 2), ("-3", -3), ("utc + 3", 3),
        ("\N{MINUS SIGN}04:00", -4), ("UTC+5:30", 5.5), ("+05:45", 5.75), ("-09:30", -9.5), ("GMT+14", 14),
        ("GMT-12", -12), ("GMT+00:00", 0), ("UTC", 0), ("GMT", 0), ("GMT0", 0),
    ],
)  # fmt: skip
def test_an_offset_is_ahead_of_greenwich_when_it_has_a_plus(given: str, hours: float) -> None:
    name = zone_name(given)
    assert name in zone_names(), "the ledger keeps names of the IANA list alone"
    assert offset(name, WINTER) == offset(name, SUMMER) == timedelta(hours=hours)
    assert offset(given) == timedelta(hours=hours), "also if an older ledger has kept it as it came"


def test_a_posix_name_counts_westwards_and_other_names_do_not() -> None:
    assert (zone_name("Etc/GMT-1"), offset("Etc/GMT-1")) == ("Etc/GMT-1", timedelta(hours=1))
    assert (zone_name("Etc/GMT+1"), offset("Etc/GMT+1")) == ("Etc/GMT+1", timedelta(hours=-1))
    assert zone_name("GMT+1") == "Etc/GMT-1"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Europe/Ljubljana", "Europe/Ljubljana"), ("america/new_york", "America/New_York"),
        (" Europe/London ", "Europe/London"), ("America/New York", "America/New_York"),
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_written(given: str, name: str) -> None:
    assert zone_name(given) == name


NONE = (
    "", " ", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "localtime", "GMT+15", "GMT+1:17", "+99",
    "PST8PST", "Europe/Ljubljana\x00", "x" * 400,
)  # fmt: skip


@pytest.mark.parametrize("given", NONE)
def test_what_is_no_time_zone_is_told_and_clocks_go_by_utc(given: str) -> None:
    assert zone_name(given) == ""
    assert offset(given) == timedelta(0)
