"""A ledger of an earlier version, brought up to date with what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from tillroll.ledger import migrate
from tillroll.ledger.engine import open_engine

WHEN = "2026-11-01 09:00:00.000000"


def ledger_of_version(path: Path, version: str) -> Engine:
    """Make a ledger of an earlier version, with one store."""
    engine = open_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        connection.commit()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(
            "insert into stores (id, ecwid_id, base_url, token, created_at) values (1, 1003, 'x', 'x', ?)",
            (WHEN,),
        )
    return engine


def test_items_of_old_orders_learn_who_bought_them_and_unread_areas_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    engine = ledger_of_version(path, "0009")
    with closing(sqlite3.connect(path)) as raw, raw:
        for order, status in (("A", "PAID"), ("B", "CANCELLED")):
            raw.execute(
                "insert into orders (store_id, order_id, customer_id, payment_status, created_at, seen_at)"
                " values (1, ?, 7, ?, ?, ?)",
                (order, status, WHEN, WHEN),
            )
            raw.execute("insert into order_items (store_id, order_id, line) values (1, ?, 0)", (order,))
        for area in ("customers", "orders", "orders, history", "coupons"):
            raw.execute("insert into looks (store_id, area, looked_at) values (1, ?, ?)", (area, WHEN))
    migrate.upgrade(engine)
    migrate.require_current(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        items = raw.execute("select order_id, customer_id, bought_at from order_items order by 1").fetchall()
        assert items == [("A", 7, WHEN), ("B", None, None)]
        assert raw.execute("select area from looks").fetchall() == [("coupons",)]


def test_rows_of_a_partial_undo_are_known_by_the_reason_they_were_planned_with(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    engine = ledger_of_version(path, "0018")
    rows = (
        (2, "update", "posting", "price was changed since", 1),
        (2, "update", "planned", "", 0),
        (2, "create", "unsure", "the store failed", 0),
        (2, "update", "failed", "the store refused it", 0),
        (1, "update", "unsure", "the store failed", 0),
    )
    with closing(sqlite3.connect(path)) as raw, raw:
        for number, kind in ((1, "import"), (2, "undo")):
            raw.execute(
                "insert into imports (id, store_id, kind, file, digest, state, person, force, created_at, changed_at)"
                " values (?, 1, ?, 'f', 'd', 'applying', 'ana', 0, ?, ?)",
                (number, kind, WHEN, WHEN),
            )
        for line, (number, action, state, reason, _) in enumerate(rows):
            raw.execute(
                "insert into import_rows (import_id, line, kind, sku, options, wanted, action, state, reason, changed_at)"
                " values (?, ?, 'product', ?, '[]', '{}', ?, ?, ?, ?)",
                (number, line, f"S{line}", action, state, reason, WHEN),
            )
    migrate.upgrade(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        partial = raw.execute("select partial from import_rows order by line").fetchall()
    assert [flag for (flag,) in partial] == [expected for *_, expected in rows]
