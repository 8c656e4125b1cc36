"""`tillroll store record` and `tillroll sandbox --replay`: an owner records, and the reader of the record meets the same shop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import tillroll as command
from tests.store import running
from tillroll.sandbox import read_talk


@pytest.mark.slow
def test_a_record_is_made_once_by_its_owner_alone_and_can_be_replayed(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "talk.jsonl"
    home.mkdir()
    with running(tmp_path / "store", customers=20) as store:
        assert command(home, "db", "upgrade").returncode == 0
        words = ["store", "connect", "--id", str(store.ready.store_id), "--url", store.ready.base_url]
        assert command(home, *words, "--token-stdin", given=store.ready.token + "\n").returncode == 0
        answer = command(home, "store", "record", str(file))
        assert answer.returncode == 0, answer.stderr
        assert "20 customers" in answer.stdout
        again = command(home, "store", "record", str(file))
        assert (again.returncode, "exists" in again.stderr) == (1, True)
        checked = tmp_path / "check.jsonl"
        answer = command(home, "store", "record", str(checked), "--", "store", "check")
        assert answer.returncode == 0, answer.stderr
        paths = [json.loads(line).get("path") for line in checked.read_text(encoding="utf-8").splitlines()]
        assert "/profile" in paths
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_talk(file).answer("GET", "/latest-stats", _STATS, b"").status == 200
    assert "no record" in command(home, "sandbox", "--replay", str(home / "var" / "secret.key")).stderr


_STATS = dict.fromkeys(("reviewsUpdatesRequired", "productCountRequired", "categoryCountRequired"), "true")
