"""`tillroll store`: connecting a store with its token, and asking how it stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.test_commands import home, tillroll
from tests.store import running, turn
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import stores
from tillroll.sandbox.serve import Sandbox

__all__ = ["home"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", customers=5) as made:
        yield made


@pytest.fixture
def installed(home: Path) -> Path:
    assert tillroll(home, "db", "upgrade").returncode == 0
    return home


def connect(folder: Path, store: Sandbox, token: str) -> tuple[int, str]:
    words = ["store", "connect", "--id", str(store.ready.store_id), "--url", store.ready.base_url]
    answer = tillroll(folder, *words, "--token-stdin", given=token + "\n")
    return answer.returncode, answer.stdout + answer.stderr


def test_a_store_is_connected_checked_shut_out_and_connected_again(installed: Path, store: Sandbox) -> None:
    nothing = tillroll(installed, "store", "check")
    assert nothing.returncode == 1
    assert "tillroll store connect" in nothing.stderr
    assert connect(installed, store, "secret_wrong")[0] == 4
    assert connect(installed, store, "two words") == (1, connect(installed, store, "two words")[1])
    code, said = connect(installed, store, store.ready.token)
    assert (code, said.strip()) == (0, f"Sample Shop (store {store.ready.store_id}) is connected.")
    assert store.ready.token not in (installed / "var" / "tillroll.sqlite3").read_bytes().decode("latin-1")
    checked = tillroll(installed, "store", "check", "--json")
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout)
    assert found["missing"] == []
    assert {"read_customers", "read_orders", "read_discount_coupons"} <= set(found["scopes"])
    assert found["unknown"] == ["create_discount_coupons", "update_discount_coupons"]
    assert abs(found["skew_seconds"]) < 3
    assert found["state"] == "connected"
    words = tillroll(installed, "store", "check").stdout
    assert "nothing that campaigns need" in words
    assert "none has come yet" in words


def test_a_missing_right_is_named_and_is_an_exit_code(installed: Path, store: Sandbox) -> None:
    assert connect(installed, store, store.ready.token)[0] == 0
    turn(store, missing_scopes=["read_orders"])
    checked = tillroll(installed, "store", "check")
    assert checked.returncode == 1
    assert "missing" in checked.stdout
    assert "read_orders" in checked.stdout


def test_a_check_that_is_answered_connects_again(installed: Path, store: Sandbox) -> None:
    assert connect(installed, store, store.ready.token)[0] == 0
    engine = open_engine(f"sqlite:///{installed / 'var' / 'tillroll.sqlite3'}")
    with writing(engine) as connection:
        connection.execute(sa.update(stores).values(state="no_api", reason="its plan has no API"))
    turn(store, plan="free")
    refused = tillroll(installed, "store", "check")
    assert refused.returncode == 4
    assert "Venture" in refused.stderr
    turn(store, plan="venture")
    assert tillroll(installed, "store", "check").returncode == 0
    with engine.connect() as connection:
        assert connection.scalar(sa.select(stores.c.state)) == "connected"
    engine.dispose()


def test_the_secret_of_events_is_shown_the_same_again_and_noted_in_the_audit(
    installed: Path, store: Sandbox
) -> None:
    assert tillroll(installed, "store", "event-secret").returncode == 1
    assert connect(installed, store, store.ready.token)[0] == 0
    shown = [tillroll(installed, "store", "event-secret").stdout for _ in range(2)]
    assert shown[0] == shown[1]
    assert shown[0].startswith("trwh_")
    with sqlite3.connect(installed / "var" / "tillroll.sqlite3") as ledger:
        noted = "select count(*) from audit where action = 'store.event_secret_shown'"
        assert ledger.execute(noted).fetchone() == (2,)
