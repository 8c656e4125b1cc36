"""The time zones of a customer's address. Pure.

A country's zones are Babel's (CLDR). Where an address may lie in several zones, all of them are returned: nobody guesses which.
In three large countries the state or province says more; a state that lies in two zones has both.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tillroll.campaign.text.zones import zone_names, zone_of

_NO_COUNTRIES = frozenset({"001", "AQ"})  # the world, and a land without customers

_EAST, _CENTRAL = "America/New_York", "America/Chicago"
_MOUNTAIN, _PACIFIC = "America/Denver", "America/Los_Angeles"
_US = {
    (_EAST,): "CT DE DC GA ME MD MA NH NJ NY NC OH PA RI SC VT VA WV",
    (_CENTRAL,): "AL AR IL IA LA MN MS MO OK WI",
    (_MOUNTAIN,): "CO MT NM UT WY",
    (_PACIFIC,): "CA WA",
    (_EAST, _CENTRAL): "FL IN KY MI TN",
    (_CENTRAL, _MOUNTAIN): "KS NE ND SD TX",
    (_MOUNTAIN, _PACIFIC): "ID NV OR",
    (_MOUNTAIN, "America/Phoenix"): "AZ",
    ("America/Anchorage", "America/Adak"): "AK",
    ("Pacific/Honolulu",): "HI",
}
_CA = {
    ("America/Edmonton",): "AB NT",
    ("America/Vancouver", "America/Edmonton", "America/Phoenix"): "BC",
    ("America/Winnipeg",): "MB",
    ("America/Halifax",): "NB NS PE",
    ("America/St_Johns", "America/Halifax"): "NL",
    ("America/Toronto", "America/Winnipeg", "America/Edmonton", "America/Panama"): "NU",
    ("America/Toronto", "America/Winnipeg", "America/Panama"): "ON",
    ("America/Toronto", "America/Halifax", "America/Puerto_Rico"): "QC",
    ("America/Regina", "America/Edmonton"): "SK",
    ("America/Whitehorse",): "YT",
}
_AU = {
    ("Australia/Sydney",): "ACT",
    ("Australia/Sydney", "Australia/Broken_Hill", "Australia/Lord_Howe"): "NSW",
    ("Australia/Darwin",): "NT",
    ("Australia/Brisbane",): "QLD",
    ("Australia/Adelaide",): "SA",
    ("Australia/Hobart",): "TAS",
    ("Australia/Melbourne",): "VIC",
    ("Australia/Perth", "Australia/Eucla"): "WA",
}
_REGIONS = {
    country: {region: names for names, regions in table.items() for region in regions.split()}
    for country, table in {"US": _US, "CA": _CA, "AU": _AU}.items()
}


class Residence(NamedTuple):
    """Where a customer lives, as far as their address says it."""

    country: str = ""  # ISO 3166-1
    region: str = ""  # the code of a state or province


@lru_cache(maxsize=2_048)
def zones_of(place: Residence) -> tuple[ZoneInfo, ...]:
    """Return the zones in which a place may lie; none if it isn't known."""
    country, region = place.country.strip().upper(), place.region.strip().upper()
    if country in _NO_COUNTRIES:
        return ()
    names = _REGIONS.get(country, {}).get(region.removeprefix(f"{country}-")) or _of_country(country)
    if not zone_names().issuperset(names):
        return ()  # this machine doesn't have them all
    return tuple(zone_of(name) for name in names)


@cache
def _of_country(country: str) -> tuple[str, ...]:
    from babel.core import get_global  # imported late: few commands ask

    zones = get_global("territory_zones")
    if country not in zones:
        aliases = get_global("territory_aliases").get(country, ())
        country = aliases[0] if len(aliases) == 1 else country
    return tuple(sorted(zones.get(country, ())))
