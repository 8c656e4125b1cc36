from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store
from tillroll.errors import Misconfigured
from tillroll.ledger import migrate, tables
from tillroll.ledger.availability import is_unavailable
from tillroll.ledger.engine import insert_if_new, ledger_url, open_engine, reading, touch, upsert, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.sealing import Sealer, new_key
from tillroll.ledger.tables.types import Amount, UtcDateTime


def test_the_migrations_make_exactly_the_tables_of_the_code(ledger: Engine) -> None:
    with ledger.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_upgrading_twice_changes_nothing(ledger: Engine) -> None:
    assert migrate.upgrade(ledger) == migrate.upgrade(ledger) == migrate.head()


def test_a_ledger_of_an_older_version_is_refused_with_the_command_that_upgrades_it(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with pytest.raises(Misconfigured) as refused:
        migrate.require_current(engine)
    assert "tillroll db upgrade" in refused.value.hint
    engine.dispose()


def test_a_ledger_that_a_newer_version_made_is_left_alone(ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    for opens in (migrate.require_current, migrate.upgrade):
        with pytest.raises(Misconfigured, match="version 9999") as refused:
            opens(ledger)
        assert "newer version" in refused.value.hint


@pytest.mark.parametrize(
    "text", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"]
)
def test_every_form_of_a_postgresql_address_is_understood(text: str) -> None:
    assert ledger_url(text).drivername == "postgresql+psycopg"


@pytest.mark.parametrize("text", ["mysql://u:p@h/d", "sqlite://", "sqlite:///:memory:", "nonsense", ""])
def test_other_databases_are_refused_with_a_clear_message(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        ledger_url(text)
    assert "sqlite:///" in refused.value.hint


def test_the_message_of_a_database_that_cannot_be_opened_has_no_password(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Misconfigured, match="can't be opened"):
        open_engine(f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite3'}")
    with pytest.raises(Misconfigured) as refused:
        open_engine("postgresql://user:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in refused.value.message


def test_sqlite_enforces_foreign_keys_and_uses_a_write_ahead_log(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_a_reference_to_nothing_is_refused(ledger: Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), writing(ledger) as connection:
        connection.execute(
            sa.insert(tables.runs).values(
                store_id=999,
                campaign="x",
                slot_key="x",
                slot_at=NOW,
                state="planning",
                created_at=NOW,
                changed_at=NOW,
            )
        )


def test_a_failed_transaction_leaves_nothing(ledger: Engine) -> None:
    def fail_half_way() -> None:
        with writing(ledger) as connection:
            insert_if_new(connection, tables.roles, {"name": "ghost", "description": ""})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with reading(ledger) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.roles)) == 0


def test_upsert_updates_existing_rows(ledger: Engine) -> None:
    store_id = add_store(ledger)
    add_customers(ledger, store_id, {"customer_id": 1, "name": "Ana"})
    with writing(ledger) as connection:
        row = dict(connection.execute(sa.select(tables.customers)).one()._mapping)
        upsert(connection, tables.customers, [{**row, "name": "محمد 🍵"}])
    with reading(ledger) as connection:
        assert list(connection.scalars(sa.select(tables.customers.c.name))) == ["محمد 🍵"]


def test_writers_wait_for_each_other_instead_of_failing(ledger: Engine) -> None:
    store_id = add_store(ledger)

    def raise_turn() -> None:
        for _ in range(20):
            with writing(ledger) as connection:
                turn = connection.scalar(
                    sa.select(tables.stores.c.turn).where(tables.stores.c.id == store_id).with_for_update()
                )
                connection.execute(sa.update(tables.stores).values(turn=turn + 1))

    threads = [threading.Thread(target=raise_turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(ledger) as connection:
        assert connection.scalar(sa.select(tables.stores.c.turn)) == 80


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_amounts_come_back_exactly(amount: Decimal) -> None:
    kind, dialect = Amount(), sa.create_engine("sqlite://").dialect
    assert kind.process_result_value(kind.process_bind_param(amount, dialect), dialect) == amount


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sa.create_engine("sqlite://").dialect)  # noqa: DTZ001 - the point


def test_moments_come_back_in_utc(ledger: Engine) -> None:
    store_id = add_store(ledger)
    moment = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=UTC)
    with writing(ledger) as connection:
        connection.execute(sa.update(tables.stores).values(not_before=moment))
    with reading(ledger) as connection:
        assert (
            connection.scalar(sa.select(tables.stores.c.not_before).where(tables.stores.c.id == store_id))
            == moment
        )


def test_a_stores_lock_is_held_by_one_process_at_a_time(ledger: Engine) -> None:
    with store_lock(ledger, 1) as first, store_lock(ledger, 1) as second, store_lock(ledger, 2) as other:
        assert (first, second, other) == (True, False, True)
    with store_lock(ledger, 1) as again:
        assert again


def test_a_sealed_token_opens_with_any_of_the_keys_and_no_other() -> None:
    old, new = new_key(), new_key()
    sealed = Sealer([old]).seal("secret_č")
    assert "secret" not in sealed
    assert Sealer([new, old]).open(sealed) == "secret_č"
    with pytest.raises(Misconfigured):
        Sealer([new]).open(sealed)


def test_a_connection_that_was_opened_read_only_is_given_up(sqlite_url: str) -> None:
    """As if the file had been read-only when it was opened: SQLite keeps the connection so."""
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(sa.exc.OperationalError) as fault:
        touch(engine)
    assert is_unavailable(fault.value)
    touch(engine)
    engine.dispose()
