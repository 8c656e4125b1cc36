"""The views for other programs: their columns are a contract (docs/views.md), and migrations leave them in place."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.ledger.test_older_ledgers import ledger_of_version
from tests.shop import NOW, ROOT, planned_run
from tillroll.campaign.states import LeakKind
from tillroll.ledger import migrate
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import codes, customers, leaks, messages, orders, recipients, redemptions
from tillroll.ledger.views.definitions import REPORT_VIEWS
from tillroll.track.results.sums import keep_sums

_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| .+ \|$")
TYPES = {
    "postgresql": {
        "text": "text",
        "number": "bigint",
        "amount": "numeric",
        "moment": "timestamp with time zone",
        "day": "date",
    },
    "sqlite": {"text": "text", "number": "integer", "amount": "real", "moment": "text", "day": "text"},
}


def documented() -> dict[str, list[tuple[str, str]]]:
    """Return the columns of each view with their types, as the page says."""
    page = (ROOT / "docs" / "views.md").read_text(encoding="utf-8")
    found: dict[str, list[tuple[str, str]]] = {}
    for section in page.split("\n## ")[1:]:
        name, *lines = section.splitlines()
        found[name] = [(row[1], row[2]) for line in lines if (row := _ROW.match(line))]
    return found


def present(connection: Connection) -> dict[str, list[str]]:
    """Return the columns of each view, as the database says."""
    return {name: list(connection.execute(sa.text(f"select * from {name}")).keys()) for name in documented()}


def types_of(connection: Connection, view: str, column: str) -> set[str]:
    """Return the types of a column's values, without nulls."""
    function = "typeof" if connection.dialect.name == "sqlite" else "pg_typeof"
    query = f"select distinct cast({function}({column}) as text) from {view} where {column} is not null"
    return set(connection.scalars(sa.text(query)))


def fill(engine: Engine) -> int:
    """Plan a run, and let a code of it be used by an order. Returns the run."""
    store_id, run_id = planned_run(engine)
    with writing(engine) as connection:
        recipient_id = connection.scalar(sa.select(sa.func.min(recipients.c.id)))
        code = {"store_id": store_id, "run_id": run_id, "recipient_id": recipient_id, "code": "BACKSECRET9"}
        moments = {"reserved_at": NOW, "changed_at": NOW}
        code_id = connection.execute(
            sa.insert(codes).values(**code, **moments, state="live").returning(codes.c.id)
        ).scalar_one()
        message = {"recipient_id": recipient_id, "code_id": code_id, "state": "sent", "sent_at": NOW}
        connection.execute(
            sa.insert(messages).values(store_id=store_id, run_id=run_id, changed_at=NOW, **message)
        )
        order = {"store_id": store_id, "order_id": "O1", "customer_id": 1, "email": "nina@mail.example"}
        connection.execute(
            sa.insert(orders).values(
                **order, total="30.10", payment_status="PAID", created_at=NOW, seen_at=NOW
            )
        )
        use = {
            "order_id": "O1",
            "order_total": "30.10",
            "discount": "4.55",
            "payment_status": "PAID",
            "at": NOW,
        }
        redemption_id = connection.execute(
            sa.insert(redemptions)
            .values(store_id=store_id, run_id=run_id, code_id=code_id, **use)
            .returning(redemptions.c.id)
        ).scalar_one()
        leak = {"campaign": "winback", "kind": LeakKind.OTHER_BUYER, "found_at": NOW}
        connection.execute(sa.insert(leaks).values(store_id=store_id, redemption_id=redemption_id, **leak))
    with reading(engine) as connection:
        store = load_store(connection, store_id)
    keep_sums(engine, store)
    return run_id


def test_the_columns_are_those_of_the_page(ledger: Engine) -> None:
    fill(ledger)
    page, types = documented(), TYPES[ledger.dialect.name]
    assert list(page) == [view.name for view in REPORT_VIEWS]
    with reading(ledger) as connection:
        assert present(connection) == {name: [column for column, _ in rows] for name, rows in page.items()}
        for name, columns in page.items():
            for column, kind in columns:
                assert types_of(connection, name, column) <= {types[kind]}, (name, column)
            assert types_of(connection, name, "store") == {types["number"]}, name  # it has a row


def test_the_views_tell_what_happened_and_nothing_of_a_person(ledger: Engine) -> None:
    run_id = fill(ledger)
    with reading(ledger) as connection:
        names = [view.name for view in REPORT_VIEWS]
        rows = {name: connection.execute(sa.text(f"select * from {name}")).one()._mapping for name in names}
        people = connection.execute(sa.select(customers.c.email, customers.c.name)).all()
    run = rows["report_runs"]
    assert (run["run"], run["recipients"], run["orders"]) == (run_id, 16, 1)
    for name in ("report_runs", "report_campaign_days"):
        assert Decimal(str(rows[name]["revenue"])) == Decimal("30.1")
        assert Decimal(str(rows[name]["discount"])) == Decimal("4.55")
    assert str(rows["report_campaign_days"]["day"]) == "2026-11-23"
    leak = rows["report_leaks"]
    assert (leak["run"], leak["order_id"], leak["kind"]) == (run_id, "O1", "other_buyer")
    assert Decimal(str(leak["discount"])) == Decimal("4.55")
    assert rows["report_orders"]["uses_our_code"] == rows["report_codes"]["used_orders"] == 1
    told = str(rows)
    assert not [text for text in ("BACKSECRET9", "nina@mail.example", *map(str, people)) if text in told]
    assert not [row for row in people if row.email in told or row.name in told]


def test_a_migration_may_rebuild_a_table_that_a_view_reads(tmp_path: Path) -> None:
    """Migration 0006 rebuilds `messages`, which SQLite refuses while a view reads it."""
    engine = ledger_of_version(tmp_path / "ledger.sqlite3", "0005")
    with engine.begin() as connection:
        connection.exec_driver_sql("create view report_messages as select id from messages")
    migrate.upgrade(engine)
    with reading(engine) as connection:
        assert all(present(connection).values())
        assert connection.execute(sa.text("select * from report_messages")).all() == []
    engine.dispose()


def test_a_view_that_differs_is_replaced_and_others_are_left_alone(ledger: Engine) -> None:
    """Replacing one keeps who may read it, on PostgreSQL."""
    with writing(ledger) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("drop view report_runs")
            connection.exec_driver_sql("create view report_runs as select 1 as store")
        else:
            connection.exec_driver_sql("grant select on report_runs to public")
            connection.exec_driver_sql("comment on view report_runs is 'older'")
    migrate.upgrade(ledger)
    with writing(ledger) as connection:
        assert present(connection)["report_runs"][1] == "run"
        if connection.dialect.name == "postgresql":
            assert connection.scalar(sa.text("select has_table_privilege('public', 'report_runs', 'select')"))
