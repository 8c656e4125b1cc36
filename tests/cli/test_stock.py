"""`tillroll stock` and `tillroll suggest`: what to order, and a draft for what sells too slowly."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest

from tests.cli.command import Answer, tillroll
from tests.shop import add_store
from tests.track.test_stock import add_product, sell
from tillroll.clock import SystemClock
from tillroll.ledger.engine import open_engine


@pytest.fixture
def shop(sqlite_url: str) -> str:
    """Return a ledger of today: one tea runs out, of another there is far too much."""
    engine = open_engine(sqlite_url)
    store_id, now = add_store(engine), SystemClock().now()
    add_product(engine, store_id, 1, 10, name="=Tea")
    add_product(engine, store_id, 2, 700, name="Old\tice tea # 2", sku='P-2: "x"')
    sell(engine, store_id, "P-1", [(now - timedelta(days=day, hours=-1), 1) for day in range(1, 57)])
    engine.dispose()
    return sqlite_url


def call(url: str, home: Path, *words: str) -> Answer:
    return tillroll(home, *words, DATABASE_URL=url)


def test_what_runs_out_is_listed_with_how_much_to_order(shop: str, tmp_path: Path) -> None:
    text = call(shop, tmp_path, "stock").stdout
    assert "10 days" in text
    assert "20" in text
    assert "ice tea" not in text
    (row,) = csv.DictReader(StringIO(call(shop, tmp_path, "stock", "--csv").stdout))
    assert (row["name"], row["in_stock"], row["order"], row["state"]) == ("'=Tea", "10", "20", "order")
    rows = [json.loads(line) for line in call(shop, tmp_path, "stock", "--all", "--json").stdout.splitlines()]
    assert [row["state"] for row in rows] == ["order", "slow"]


def test_a_draft_is_suggested_that_passes_the_check_and_overwrites_nothing(shop: str, tmp_path: Path) -> None:
    assert call(shop, tmp_path, "suggest").returncode == 0
    path = tmp_path / "campaigns" / "make-room.yaml"
    text = path.read_text(encoding="utf-8")
    assert "status: draft" in text
    assert "700 in stock, and none sold in 56 days" in text
    assert 'applies_to: {products: ["P-2: \\"x\\""]}' in text
    assert "P-1" not in text
    checked = call(shop, tmp_path, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    path.write_text("mine", encoding="utf-8")
    refused = call(shop, tmp_path, "suggest")
    assert (refused.returncode, path.read_text(encoding="utf-8")) == (1, "mine")
    assert "--name" in refused.stderr
