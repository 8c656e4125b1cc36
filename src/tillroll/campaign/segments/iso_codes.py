"""Countries and languages by their ISO codes, with the code that was probably meant. Pure.

The lists are Babel's (CLDR): ISO 3166-1 with XK (Kosovo), and ISO 639. Babel is imported when a file first names a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.source import Source

_NO_COUNTRIES = frozenset({"AC", "CP", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
"""Regions, reserved and private codes that CLDR lists beside the countries."""

_WITHOUT_HINT = _NO_COUNTRIES | {"EN"}  # no single country was meant


def check_codes(source: Source, segment: Segment) -> list[Finding]:
    """Return a finding for each code of a country or language that doesn't exist: such a condition matches nobody."""
    findings = []
    for path, name, value in leaves(segment.where):
        fault_of = {"country": country_fault, "language": language_fault}.get(name)
        for index, code in enumerate(value.in_ if fault_of is not None else ()):
            problem, meant = fault_of(code) if fault_of is not None else ("", "")
            if problem:
                findings.append(source.finding((*path, "in", index), problem, suggestion=meant))
    return findings


def country_fault(code: str) -> tuple[str, str]:
    """Return what is wrong with a country's code and the code that was probably meant; two empty texts if it is right."""
    if code in _countries():
        return "", ""
    return f"there is no country {code!r} in ISO 3166", _country_meant(code)


def language_fault(code: str) -> tuple[str, str]:
    """Return what is wrong with a language's code and the code that was probably meant; two empty texts if it is right."""
    from babel.languages import get_official_languages

    plain = code.partition("-")[0].partition("_")[0].lower()
    if plain in _languages():
        return "", ""
    of_country = get_official_languages(plain.upper())
    meant = of_country[0] if of_country else _by_name(_languages()).get(code.lower(), "")
    return f"there is no language {code!r} in ISO 639", meant


def _country_meant(code: str) -> str:
    from babel.core import get_global

    aliases = get_global("territory_aliases").get(code.upper())
    if aliases and aliases[0] in _countries():
        return str(aliases[0])
    if code.upper() in _WITHOUT_HINT:
        return ""
    likely = str(get_global("likely_subtags").get(code.lower(), "")).split("_")
    if len(code) == 2 and likely[-1] in _countries():  # a language's code, like EL for Greece
        return likely[-1]
    names = _by_name(_countries())
    exact = names.get(code.lower(), "")
    return exact or names.get(nearest(code.lower(), names), "") if len(code) > 3 else exact


def _by_name(named: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): code for code, name in named.items()}


@cache
def _countries() -> Mapping[str, str]:
    from babel import Locale

    territories = Locale("en").territories
    return {
        code: name
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }


@cache
def _languages() -> Mapping[str, str]:
    from babel import Locale

    return dict(Locale("en").languages)
