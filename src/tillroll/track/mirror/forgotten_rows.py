"""What the mirror takes of customers whose data was erased while the store still has them: their number, and what they bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from tillroll.campaign.text.clean import CleanText
from tillroll.ledger.people.forgotten import NAMING, forgotten_among
from tillroll.track.mirror.area_rows import Write

_NOTHING = CleanText("")
_BLANK: dict[str, Any] = {
    **dict.fromkeys(NAMING, _NOTHING),
    "buyer": "",
    "accepts_marketing": False,
    "favourites": (),
    "fields": (),
}


def leaving_out_the_forgotten(write: Write) -> Write:
    """Return a function that writes values as `write` does, without what would name a customer who was forgotten."""

    def write_without(connection: Connection, store_id: int, values: Sequence[Any], now: datetime) -> None:
        numbers = {value.customer_id for value in values if value.customer_id is not None}
        gone = forgotten_among(connection, store_id, numbers)
        kept = [_without_person(value) if value.customer_id in gone else value for value in values]
        write(connection, store_id, kept, now)

    return write_without


def _without_person(value: Any) -> Any:
    """Return a value without what names its customer."""
    names = {field.name for field in fields(value)}
    blank = {name: nothing for name, nothing in _BLANK.items() if name in names}
    if "cart_id" in names:
        blank["items"] = ()
    return replace(value, **blank)
