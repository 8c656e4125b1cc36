"""Time zones by the names that a store gives them: `Europe/Ljubljana`, `america/new_york`, `GMT+1`, `+05:30`."""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

UTC_NAME = "UTC"

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_OF_THIS_MACHINE = {"localtime", "Factory"}  # files among the zones that name none
_PART_HOURS = {
    "-09:30": "Pacific/Marquesas",
    "+03:30": "Asia/Tehran",
    "+04:30": "Asia/Kabul",
    "+05:30": "Asia/Kolkata",
    "+05:45": "Asia/Kathmandu",
    "+06:30": "Asia/Yangon",
    "+08:45": "Australia/Eucla",
    "+09:30": "Australia/Darwin",
}
"""Zones that keep an offset of part hours all year, for which the IANA list has no name of its own."""


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones; cached, since listing them walks a folder tree."""
    return frozenset(available_timezones() - _OF_THIS_MACHINE)


@cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in sorted(zone_names(), reverse=True)}


def zone_name(given: str) -> str:
    """Return the IANA name of a store's time zone; empty if it can't be told.

    A store's `GMT+1` is an hour ahead of Greenwich, as people write it and as ISO 8601 does. So it becomes `Etc/GMT-1`: names
    that begin with `Etc/` follow POSIX, where the sign counts westwards. An offset has no summer time.
    """
    plain = given.strip().replace("\N{MINUS SIGN}", "-")
    if plain in zone_names():
        return plain
    found = _by_lower_case().get(plain.lower().replace(" ", "_"))
    return found or _by_offset(plain)


def _by_offset(plain: str) -> str:
    match = _OFFSET.fullmatch(plain)
    if match is None:
        return ""
    sign, hours, minutes = match[1], int(match[2]), match[3] or "00"
    if minutes != "00":
        return _PART_HOURS.get(f"{sign}{hours:02}:{minutes}", "")
    if hours == 0:
        return UTC_NAME
    name = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"
    return name if name in zone_names() else ""


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by the name that the ledger keeps; UTC if this machine doesn't have it, since clocks must go on."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path out of the zones' folder, or one of its folders
        return ZoneInfo(zone_name(name) or UTC_NAME)
