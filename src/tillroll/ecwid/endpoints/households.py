"""Postal addresses and surnames of the store's people, as digests by which households are told apart. The texts are not kept."""

from __future__ import annotations

from tillroll.campaign.digest import Blinder
from tillroll.campaign.figures.likeness import household_of, surnames_of
from tillroll.ecwid.http.wire import Raw, text


def households_in(blinder: Blinder, *people: Raw) -> str:
    """Return the digests of these people's postal addresses, separated by blanks."""
    found = (
        household_of(text(one.get("street")), text(one.get("postalCode")), text(one.get("countryCode")))
        for one in people
    )
    return blinder.blind_all("household", found)


def surnames_in(blinder: Blinder, *people: Raw) -> str:
    """Return the digests of these people's surnames, separated by blanks."""
    found = (
        surname for one in people for surname in surnames_of(text(one.get("name")), text(one.get("lastName")))
    )
    return blinder.blind_all("surname", found)
