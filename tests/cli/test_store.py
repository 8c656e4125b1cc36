"""`tillroll store`: connecting a store with its token, and checking the connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.command import Answer
from tests.cli.command import tillroll as command
from tests.store import running, turn
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import stores
from tillroll.sandbox.serve import Sandbox


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", customers=5) as made:
        yield made


@pytest.fixture
def installed(home: Path) -> Path:
    assert tillroll(home, "db", "upgrade").returncode == 0
    return home


def tillroll(folder: Path, *words: str, given: str = "", **environment: str) -> Answer:
    """Run a command of an installation that may call the sandbox."""
    return command(folder, *words, given=given, TILLROLL_ENVIRONMENT="sandbox", **environment)


def connect(folder: Path, store: Sandbox, token: str) -> tuple[int, str]:
    words = ["store", "connect", "--id", str(store.ready.store_id), "--url", store.ready.base_url]
    answer = tillroll(folder, *words, "--token-stdin", given=token + "\n")
    return answer.returncode, answer.stdout + answer.stderr


def test_a_wrong_token_is_refused_and_a_connected_store_is_checked(installed: Path, store: Sandbox) -> None:
    nothing = tillroll(installed, "store", "check")
    assert nothing.returncode == 1
    assert "tillroll store connect" in nothing.stderr
    assert connect(installed, store, "secret_wrong")[0] == 4
    assert connect(installed, store, "two words") == (1, connect(installed, store, "two words")[1])
    code, output = connect(installed, store, store.ready.token)
    assert (code, output.strip()) == (0, f"Sample Shop (store {store.ready.store_id}) is connected.")
    assert store.ready.token not in (installed / "var" / "tillroll.sqlite3").read_bytes().decode("latin-1")
    checked = tillroll(installed, "store", "check", "--json")
    assert checked.returncode == 0, checked.stderr
    report = json.loads(checked.stdout)
    assert report["missing"] == []
    assert {"read_customers", "read_orders", "read_discount_coupons"} <= set(report["scopes"])
    assert report["unknown"] == ["create_discount_coupons", "update_discount_coupons"]
    assert abs(report["skew_seconds"]) < 3
    assert report["state"] == "connected"

    words = tillroll(installed, "store", "check").stdout
    assert "nothing that campaigns need" in words
    assert "none received yet" in words


def test_the_address_is_the_one_that_is_configured_or_that_the_store_has(
    installed: Path, store: Sandbox
) -> None:
    words = ["store", "connect", "--id", str(store.ready.store_id), "--token-stdin"]
    given, address = store.ready.token + "\n", store.ready.base_url
    first = tillroll(installed, *words, given=given, ECWID_API_URL=address)
    assert (first.returncode, "is connected." in first.stdout) == (0, True)
    again = tillroll(installed, *words, given=given)
    assert (again.returncode, "is connected again." in again.stdout) == (0, True)
    elsewhere = tillroll(installed, *words, given=given, ECWID_API_URL="http://127.0.0.1:9/api/v3")
    assert elsewhere.returncode != 0


def test_an_address_that_a_person_types_may_not_be_private(installed: Path, store: Sandbox) -> None:
    words = ["store", "connect", "--id", "1003", "--token-stdin", "--url"]
    live = {"given": "secret_x\n", "TILLROLL_ENVIRONMENT": "live"}
    unencrypted = command(installed, *words, store.ready.base_url, **live)
    assert unencrypted.returncode == 4
    assert "not encrypted" in unencrypted.stderr
    port = store.ready.base_url.split(":")[2]
    private = command(installed, *words, f"https://127.0.0.1:{port}", **live)
    assert private.returncode == 4
    assert "private network" in private.stderr
    listed = command(installed, *words, store.ready.base_url, **live, TILLROLL_HOSTS="127.0.0.1")
    assert "refuses the token" in listed.stderr


def test_a_missing_scope_is_named_and_sets_the_exit_code(installed: Path, store: Sandbox) -> None:
    assert connect(installed, store, store.ready.token)[0] == 0
    turn(store, missing_scopes=["read_orders"])
    checked = tillroll(installed, "store", "check")
    assert checked.returncode == 1
    assert "missing" in checked.stdout
    assert "read_orders" in checked.stdout


def test_a_successful_check_reconnects_the_store(installed: Path, store: Sandbox) -> None:
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


def test_the_webhook_secret_stays_the_same_and_is_recorded_in_the_audit(
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


def test_a_stores_time_zone_is_shown_and_chosen(installed: Path, store: Sandbox) -> None:
    connect(installed, store, store.ready.token)
    for words, told in (
        ([], "UTC, from the store's settings\n"),
        (["GMT+1"], f"The times of store {store.ready.store_id} go by Etc/GMT-1.\n"),
        ([], "Etc/GMT-1, chosen here\n"),
        (
            ["store"],
            f"The times of store {store.ready.store_id} go by the store's own time zone as soon as the worker has read it.\n",
        ),
    ):
        answer = tillroll(installed, "store", "timezone", *words)
        assert (answer.returncode, answer.stdout) == (0, told)
    wrong = tillroll(installed, "store", "timezone", "Mars")
    assert wrong.returncode == 1
    assert "Mars is not a time zone" in wrong.stderr
    assert "Europe/Ljubljana" in wrong.stderr
