"""The suppression list: read for people, and filled from a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.states import ConsentSource, SuppressionCause
from tillroll.campaign.text.clean import Uncleanable, clean_address, clean_line
from tillroll.errors import Refused
from tillroll.ledger.consent.standing import is_active
from tillroll.ledger.consent.suppress import Wish, suppress
from tillroll.ledger.engine import streaming, writing
from tillroll.ledger.records import Suppression
from tillroll.ledger.tables import suppressions

_HEADINGS = ("email", "address", "e-mail", "email address")
_IN_A_TRANSACTION = 200


@dataclass(frozen=True, kw_only=True)
class AddressFile:
    """What a file of addresses holds."""

    addresses: tuple[str, ...]
    faults: tuple[str, ...]  # of lines that hold none, each a sentence with its line's number


def active_suppressions(connection: Connection, store_id: int, now: datetime) -> Iterator[Suppression]:
    """Yield the suppressions that count, the oldest first."""
    query = sa.select(suppressions).where(suppressions.c.store_id == store_id, is_active(now))
    with streaming(connection, query.order_by(suppressions.c.id)) as rows:
        for row in rows:
            yield Suppression.from_row(row)


def read_addresses(content: bytes) -> AddressFile:
    """Return the addresses of a CSV file with a column `email`. A line without one costs no other.

    Raises `Refused` if it isn't such a file.
    """
    try:
        lines = list(csv.reader(StringIO(content.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise Refused("The file can't be read as CSV.", hint="Save it as CSV in UTF-8.") from fault
    headings = [heading.strip().lower() for heading in lines[0]] if lines else []
    column = next((headings.index(name) for name in _HEADINGS if name in headings), None)
    if column is None:
        raise Refused("The file has no column email.", hint="Write email as the heading of the addresses.")
    addresses: dict[str, None] = {}
    faults = []
    for number, cells in enumerate(lines[1:], start=2):
        written = cells[column].strip() if len(cells) > column else ""
        try:
            if any(cells):
                addresses[clean_address(written)] = None
        except Uncleanable as fault:
            faults.append(f"Line {number} was left out: {fault.reason}.")
    return AddressFile(addresses=tuple(addresses), faults=tuple(faults))


def add_addresses(
    engine: Engine, store_id: int, addresses: Sequence[str], *, file: str, actor: str, now: datetime
) -> int:
    """Put addresses on the list. Returns how many are new; a repetition after a failure does the rest."""
    added = 0
    for some in batched(addresses, _IN_A_TRANSACTION):
        with writing(engine) as connection:
            for address in some:
                wish = Wish(
                    address=address,
                    cause=SuppressionCause.IMPORTED,
                    source=ConsentSource.FILE,
                    note=clean_line(file),
                )
                added += suppress(connection, store_id, wish, now=now, actor=actor)
    return added
