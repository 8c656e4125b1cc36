"""A ledger of an earlier version, brought up to date with what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config

from tillroll.ledger import migrate
from tillroll.ledger.engine import open_engine

WHEN = "2026-11-01 09:00:00.000000"


def test_items_of_old_orders_learn_who_bought_them_and_unread_areas_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        connection.commit()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(
            "insert into stores (id, ecwid_id, base_url, token, created_at) values (1, 1003, 'x', 'x', ?)",
            (WHEN,),
        )
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
