"""Sealing everything anew under the first key, so that an older key can be taken away.

Each row is its own compare-and-set: a process that writes the row meanwhile wins, one that dies leaves rows under either key, and
a repetition does what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.errors import Misconfigured
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.sealing import Sealer
from tillroll.ledger.tables import metadata

SEALED = (
    ("stores", "token"),
    ("sessions", "data"),
    ("users", "tf_totp_secret"),
    ("users", "mf_recovery_codes"),
)
"""Every column that is encrypted, with its table."""


@dataclass(frozen=True, kw_only=True)
class Resealed:
    """What a rotation has done."""

    resealed: int
    current: int  # were under the first key already
    unreadable: int  # no key fits: left as they are


def reseal(engine: Engine, sealer: Sealer) -> Resealed:
    """Seal every encrypted value under the first key."""
    counts = {"resealed": 0, "current": 0, "unreadable": 0}
    for table_name, column_name in SEALED:
        table = metadata.tables[table_name]
        column = table.c[column_name]
        with reading(engine) as connection:
            ids = connection.scalars(sa.select(table.c.id).where(column != "").order_by(table.c.id)).all()
        for id_ in ids:
            counts[_reseal_row(engine, sealer, table, column, id_)] += 1
    return Resealed(**counts)


def _reseal_row(engine: Engine, sealer: Sealer, table: sa.Table, column: sa.Column[str], id_: int) -> str:
    with reading(engine) as connection:
        sealed = connection.scalar(sa.select(column).where(table.c.id == id_)) or ""
    if not sealed or sealer.is_current(sealed):
        return "current"
    try:
        anew = sealer.seal(sealer.open(sealed))
    except Misconfigured:
        return "unreadable"
    with writing(engine) as connection:
        connection.execute(
            sa.update(table).where(table.c.id == id_, column == sealed).values({column.name: anew})
        )
    return "resealed"
