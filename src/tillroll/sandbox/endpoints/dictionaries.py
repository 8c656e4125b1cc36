"""Dictionaries that every store shares: countries, states, currencies, tax classes (dossier section 10.8).

Names come from the Unicode CLDR as Babel ships it. States are those of a few countries only.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, Query, flag

_STATES = {
    "US": "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware"
    ",DC District of Columbia,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana"
    ",IA Iowa,KS Kansas,KY Kentucky,LA Louisiana,ME Maine,MD Maryland"
    ",MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,NE Nebraska,NV Nevada"
    ",NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,ND North Dakota,OH Ohio,OK Oklahoma,OR Oregon"
    ",PA Pennsylvania,RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,TX Texas,UT Utah,VT Vermont,VA Virginia"
    ",WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming",
    "CA": "AB Alberta,BC British Columbia,MB Manitoba,NB New Brunswick,NL Newfoundland and Labrador,NS Nova Scotia"
    ",NT Northwest Territories,NU Nunavut,ON Ontario,PE Prince Edward Island,QC Quebec,SK Saskatchewan,YT Yukon",
    "DE": "BW Baden-Württemberg,BY Bayern,BE Berlin,BB Brandenburg,HB Bremen,HH Hamburg,HE Hessen,MV Mecklenburg-Vorpommern"
    ",NI Niedersachsen,NW Nordrhein-Westfalen,RP Rheinland-Pfalz,SL Saarland,SN Sachsen,ST Sachsen-Anhalt,SH Schleswig-Holstein"
    ",TH Thüringen",
    "AT": "1 Burgenland,2 Kärnten,3 Niederösterreich,4 Oberösterreich,5 Salzburg,6 Steiermark,7 Tirol,8 Vorarlberg,9 Wien",
}
_TAX_CLASSES = {
    "SI": [("default", "22", "Standard rate"), ("reduced", "9.5", "Reduced rate"), ("books", "5", "Books")],
    "DE": [("default", "19", "Standard rate"), ("reduced", "7", "Reduced rate")],
    "AT": [("default", "20", "Standard rate"), ("reduced", "10", "Reduced rate")],
    "IT": [("default", "22", "Standard rate"), ("reduced", "10", "Reduced rate")],
    "GB": [("default", "20", "Standard rate"), ("zero", "0", "Zero rate")],
}


def countries(query: Query) -> list[dict[str, Any]]:
    """`GET /countries`: with their states if `withStates=true`."""
    with_states = flag("withStates", query.get("withStates", "false"))
    return [
        {"code": code, "name": name, **({"states": _states(code)} if with_states and code in _STATES else {})}
        for code, name in _territories(_lang(query))
    ]


def states(query: Query) -> list[dict[str, Any]]:
    """`GET /states?countryCode=US`."""
    return _states(_country(query))


def currencies(query: Query) -> list[dict[str, Any]]:
    """`GET /currencies`."""
    return [{"code": code, "name": name} for code, name in _currencies(_lang(query))]


def currency_by_country(query: Query) -> list[dict[str, Any]]:
    """`GET /currencyByCountry?countryCode=DE`: those in use today."""
    from babel.numbers import get_currency_precision, get_currency_symbol, get_territory_currencies

    country, names = _country(query), dict(_currencies(_lang(query)))
    return [
        {
            "countryCode": country,
            "currencyCode": code,
            "currencyName": names.get(code, code),
            "prefix": get_currency_symbol(code, "en"),
            "suffix": "",
            "decimalPlaces": str(get_currency_precision(code)),
        }
        for code in get_territory_currencies(country)
    ]


def tax_classes(query: Query) -> list[dict[str, Any]]:
    """`GET /taxClasses?countryCode=SI`: none for a country whose taxes the store doesn't know."""
    lang = _lang(query)
    return [
        {
            "stateCode": "",
            "taxClassCode": code,
            "taxClassRate": rate,
            "localization": {"language": lang, "taxClassName": name, "taxClassDescription": ""},
        }
        for code, rate, name in _TAX_CLASSES.get(_country(query), ())
    ]


def _states(country: str) -> list[dict[str, Any]]:
    listed = _STATES.get(country, "").split(",")
    return [
        {"code": code, "name": name} for code, _, name in (state.partition(" ") for state in listed if state)
    ]


def _country(query: Query) -> str:
    country = query.get("countryCode", "").upper()
    if not country:
        raise ApiError(400, "Parameter 'countryCode' is absent", "WRONG_PARAMETER")
    return country


def _lang(query: Query) -> str:
    """Return the language of the answer; an unknown one is English."""
    from babel import Locale, UnknownLocaleError

    lang = query.get("lang") or "en"
    try:
        Locale.parse(lang)
    except (ValueError, UnknownLocaleError):
        return "en"
    return lang


@lru_cache(maxsize=8)
def _territories(lang: str) -> tuple[tuple[str, str], ...]:
    from babel import Locale

    named = Locale.parse(lang).territories.items()
    return tuple(
        sorted(
            (code, name)
            for code, name in named
            if len(code) == 2 and code not in {"EU", "EZ", "UN", "ZZ", "XA", "XB"}
        )
    )


@lru_cache(maxsize=8)
def _currencies(lang: str) -> tuple[tuple[str, str], ...]:
    from babel import Locale

    return tuple(sorted(Locale.parse(lang).currencies.items()))
