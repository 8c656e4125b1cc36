"""`tillroll export`: in each format, masked unless an approver asks for codes in clear, and whole or not at all."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.ledger.test_views import fill
from tests.shop import ANA, EVE, NOW
from tests.web.site import PASSWORD
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.tables import audit, redemptions, runs


@pytest.fixture
def shop(sqlite_url: str) -> str:
    engine = open_engine(sqlite_url)
    fill(engine)
    with writing(engine) as connection:
        connection.execute(sa.update(redemptions).values(payment_status="=cmd()"))
    for person, role in ((ANA, "approver"), (EVE, "viewer")):
        add_account(engine, email=person.email, password=PASSWORD, role_names=(role,), now=NOW)
    engine.dispose()
    return sqlite_url


def export(url: str, home: Path, *words: str, person: str = EVE.email) -> Answer:
    return tillroll(home, "export", *words, "--as", person, DATABASE_URL=url)


def test_rows_are_written_as_csv_and_json(shop: str, tmp_path: Path) -> None:
    (row,) = csv.DictReader(StringIO(export(shop, tmp_path, "redemptions").stdout))
    assert (row["order_id"], row["order_total"], row["payment_status"]) == ("O1", "30.10", "'=cmd()")
    assert row["ordered_at"] == "2026-11-23T09:00:00+00:00"
    assert export(shop, tmp_path, "days", "days.jsonl", "--format", "jsonl").returncode == 0
    day = json.loads((tmp_path / "days.jsonl").read_text(encoding="utf-8"))
    assert (day["day"], day["orders"], day["revenue"]) == ("2026-11-23", 1, "30.10")
    for what in ("messages", "runs", "orders", "leaks"):
        assert len(export(shop, tmp_path, what).stdout.splitlines()) == 2


def test_only_what_came_since_a_day_is_written(shop: str, tmp_path: Path) -> None:
    for what in ("days", "redemptions", "codes"):
        assert len(export(shop, tmp_path, what, "--since", "2026-11-23").stdout.splitlines()) == 2
        assert len(export(shop, tmp_path, what, "--since", "2026-11-24").stdout.splitlines()) == 1


def test_codes_are_masked_unless_an_approver_asks_which_is_recorded(shop: str, tmp_path: Path) -> None:
    masked = export(shop, tmp_path, "codes").stdout
    assert "BACKSECRET9" not in masked
    assert "••••••T9" in masked
    refused = export(shop, tmp_path, "codes", "--clear")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "BACKSECRET9" in export(shop, tmp_path, "codes", "--clear", person=ANA.email).stdout
    engine = open_engine(shop)
    with reading(engine) as connection:
        query = sa.select(audit.c.actor).where(audit.c.action == "codes.revealed")
        assert list(connection.scalars(query)) == [ANA.email]
        assert connection.scalar(sa.select(runs.c.revealed_at)) is not None
    engine.dispose()


def test_a_file_that_cannot_be_written_is_said_and_none_is_left_half(shop: str, tmp_path: Path) -> None:
    refused = export(shop, tmp_path, "days", "missing/days.csv")
    assert refused.returncode == 1
    assert "can't be written" in refused.stderr
    (tmp_path / "days.csv").write_text("older", encoding="utf-8")
    assert export(shop, tmp_path, "days", "days.csv").returncode == 0
    assert (tmp_path / "days.csv").read_text(encoding="utf-8").startswith("store,day,campaign")
    assert not list(tmp_path.glob("*.part"))


def test_parquet_has_types_or_is_refused_with_the_way_to_get_it(shop: str, tmp_path: Path) -> None:
    answer = export(shop, tmp_path, "redemptions", "orders.parquet", "--format", "parquet")
    try:
        from pyarrow import parquet
    except ImportError:
        assert answer.returncode == 1
        assert "pip install 'tillroll[parquet]'" in answer.stderr
        return
    assert answer.returncode == 0, answer.stderr
    (row,) = parquet.read_table(tmp_path / "orders.parquet").to_pylist()
    assert (row["order_total"], row["ordered_at"]) == (Decimal("30.1000"), NOW)
