from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW
from tillroll.ledger.audit import first_broken_row, record
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit


def _write(engine: Engine, number: int) -> None:
    with writing(engine) as connection:
        record(
            connection,
            at=NOW,
            actor="ana",
            action="test",
            subject=f"thing {number}",
            body={"n": number, "č": "ž 🍵"},
        )


def test_an_unchanged_chain_verifies(ledger: Engine) -> None:
    for number in range(5):
        _write(ledger, number)
    with ledger.connect() as connection:
        assert first_broken_row(connection) is None


def test_a_changed_row_breaks_the_chain_from_there(ledger: Engine) -> None:
    for number in range(5):
        _write(ledger, number)
    with writing(ledger) as connection:
        ids = list(connection.scalars(sa.select(audit.c.id).order_by(audit.c.id)))
        connection.execute(sa.update(audit).where(audit.c.id == ids[2]).values(actor="eve"))
    with ledger.connect() as connection:
        assert first_broken_row(connection) == ids[2]


def test_a_removed_row_breaks_the_chain(ledger: Engine) -> None:
    for number in range(3):
        _write(ledger, number)
    with writing(ledger) as connection:
        ids = list(connection.scalars(sa.select(audit.c.id).order_by(audit.c.id)))
        connection.execute(sa.delete(audit).where(audit.c.id == ids[1]))
    with ledger.connect() as connection:
        assert first_broken_row(connection) == ids[2]


def test_writers_at_once_make_one_chain(ledger: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: _write(ledger, number), range(40)))
    with ledger.connect() as connection:
        assert first_broken_row(connection) is None
        assert connection.scalar(sa.select(sa.func.count()).select_from(audit)) == 40
