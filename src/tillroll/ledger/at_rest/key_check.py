"""Whether this machine's keys are those of the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.errors import Misconfigured
from tillroll.ledger.at_rest.reseal import SEALED
from tillroll.ledger.sealing import Sealer
from tillroll.ledger.tables import metadata


def keys_fit(connection: Connection, sealer: Sealer) -> bool:
    """Return whether the keys open anything that the ledger holds encrypted. A ledger that holds nothing takes any key."""
    sealed = [text for text in (_newest(connection, *place) for place in SEALED) if text]
    return not sealed or any(_opens(sealer, text) for text in sealed)


def _newest(connection: Connection, table_name: str, column_name: str) -> str | None:
    """Return the value that was inserted last: after a rotation, older ones may be under a key that was taken away."""
    table = metadata.tables[table_name]
    column = table.c[column_name]
    value: str | None = connection.scalar(
        sa.select(column).where(column != "").order_by(table.c.id.desc()).limit(1)
    )
    return value


def _opens(sealer: Sealer, sealed: str) -> bool:
    try:
        sealer.open(sealed)
    except Misconfigured:
        return False
    return True
