"""Commands of an installation with several stores: the store must be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import tillroll
from tests.shop import NOW
from tillroll.ledger.engine import open_engine
from tillroll.track.connect import connect


@pytest.fixture
def two(home: Path) -> Path:
    assert tillroll(home, "db", "upgrade").returncode == 0
    engine = open_engine(f"sqlite:///{home / 'var' / 'tillroll.sqlite3'}")
    for number in (1003, 1004):
        url = "http://127.0.0.1:9/api/v3"
        connect(engine, ecwid_id=number, base_url=url, sealed_token="", changed=True, now=NOW)
    engine.dispose()
    return home


def test_a_command_without_a_store_is_refused_with_the_list_of_stores(two: Path) -> None:
    open_ = tillroll(two, "status")
    assert open_.returncode == 1
    assert "which one" in open_.stderr
    assert "1003, 1004" in open_.stderr
    assert tillroll(two, "status", "--store", "1004").returncode == 0
    other = tillroll(two, "status", "--store", "7")
    assert other.returncode == 1
    assert "1003, 1004" in other.stderr


def test_a_run_by_hand_uses_the_named_store_and_its_campaigns(two: Path) -> None:
    (two / "campaigns/1004").mkdir()
    (two / "campaigns/welcome.yaml").rename(two / "campaigns/1004/welcome.yaml")
    assert tillroll(two, "check").returncode == 0
    answer = tillroll(two, "run", "welcome", "--store", "1004", "--json")
    assert answer.returncode == 0, answer.stderr
    assert '"run": 1' in answer.stdout
    elsewhere = tillroll(two, "run", "welcome", "--store", "1003")
    assert elsewhere.returncode == 1
    assert "no campaign" in elsewhere.stderr
