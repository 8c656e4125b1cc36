"""What all groups of endpoints share."""

from __future__ import annotations

from tillroll.campaign.text.clean import Uncleanable
from tillroll.ecwid.http.connection import Connection
from tillroll.ecwid.http.wire import Raw, key_text, maybe_whole
from tillroll.errors import OutcomeUnknown


class Resource:
    """A group of endpoints, called over one token's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


def made_number(answer: Raw, call: str) -> int:
    """Return the number of what a call made. Raises `OutcomeUnknown` when the answer doesn't name it."""
    number = maybe_whole(answer.get("id"))
    if number is None:
        raise OutcomeUnknown(f"The store's answer to {call} names no id.")
    return number


def made_key(answer: Raw, name: str, call: str) -> str:
    """Return the key of what a call made. Raises `OutcomeUnknown` when the answer doesn't name it."""
    try:
        if key := key_text(answer.get(name), name):
            return key
    except Uncleanable:
        pass
    raise OutcomeUnknown(f"The store's answer to {call} names no {name}.")
