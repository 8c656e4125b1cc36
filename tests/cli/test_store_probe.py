"""`tillroll store probe` as its reader types it: what it shows, asks and writes, and what becomes of one that is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Answer
from tests.cli.command import tillroll as command
from tests.forks import forks
from tests.probe.test_probe import rows
from tests.store import running, turn
from tillroll.probe.samples import NAME
from tillroll.sandbox.serve import Sandbox


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "store", customers=10) as made:
        yield made


@pytest.fixture
def installed(tmp_path: Path, store: Sandbox) -> Path:
    """An installation that works for the store."""
    home = tmp_path / "home"
    home.mkdir()
    assert command(home, "db", "upgrade").returncode == 0
    words = ["store", "connect", "--id", str(store.ready.store_id), "--url", store.ready.base_url]
    assert command(home, *words, "--token-stdin", given=store.ready.token + "\n").returncode == 0
    return home


def probe(home: Path, *words: str, code: int = 0) -> Answer:
    answer = command(home, "store", "probe", *words, TILLROLL_REQUESTS_PER_MINUTE="1000000")
    assert answer.returncode == code, answer.stderr
    return answer


def test_a_stranger_probes_a_store_asked_before_it_writes_and_shares_the_report(
    store: Sandbox, installed: Path
) -> None:
    turn(store, window_ends="exclusive", null_clears=True)
    before = rows(store)
    refused = probe(installed, "--write", code=1)
    assert "paused coupons" in refused.stdout
    assert "--yes" in refused.stderr
    assert rows(store) == before
    target = installed / "probe.json"
    told = probe(installed, "--write", "--yes", "--report", str(target))
    assert "Null for a date or a limit of a coupon clears it" in told.stdout
    assert "can't be learned here, because it shows in the storefront alone" in told.stdout
    assert rows(store) == before
    text = target.read_text(encoding="utf-8")
    assert json.loads(text)["learned"]["window_ends"]["setting"] == "exclusive"
    with store.store.state.transaction() as state:
        personal = [row["email"] for row in state.rows("select email from customers")]
        personal += [row["code"] for row in state.rows("select code from coupons")]
    for value in [*personal, store.ready.token, str(store.ready.store_id), "Sample Shop"]:
        assert value not in text


def killed(home: Path, function: str, when: str, time: int) -> None:
    """Start a probe that dies at a function."""
    environment = {"TILLROLL_ENVIRONMENT": "sandbox", "TILLROLL_REQUESTS_PER_MINUTE": "1000000"}
    files = {"output": home / "output", "troubles": home / "troubles"}
    trap = f"tests.crash.points:kill_at:tillroll.probe.{function}:{when}:{time}"
    words = ("store", "probe", "--write", "--samples", "--yes")
    child = forks().start(*words, cwd=home, environment=environment, first=trap, **files)
    assert child.wait() == -9


@pytest.mark.parametrize(
    ("function", "when", "time"),
    [
        ("edge:ProbeTalk._make", "left", 12),
        pytest.param("leftovers:note_begin", "left", 1, marks=pytest.mark.slow),
        pytest.param("edge:ProbeTalk._make", "left", 1, marks=pytest.mark.slow),
        pytest.param("edge:ProbeTalk._make", "left", 24, marks=pytest.mark.slow),
        pytest.param("leftovers:remove_leftovers", "entered", 1, marks=pytest.mark.slow),
    ],
)
def test_what_a_killed_probe_leaves_is_said_and_removed_by_the_next_one(
    store: Sandbox, installed: Path, function: str, when: str, time: int
) -> None:
    before = rows(store)
    killed(installed, function, when, time)
    after = rows(store)
    told = probe(installed).stdout
    assert NAME in told
    assert "tillroll store probe --write" in told
    assert rows(store) == after, "one that only reads removes nothing"
    probe(installed, "--write", "--yes")
    assert rows(store) == before
    assert NAME not in probe(installed).stdout


@pytest.mark.slow
def test_what_cannot_be_deleted_is_named_with_what_to_do(store: Sandbox, installed: Path) -> None:
    turn(store, missing_scopes=["update_discount_coupons"])
    left = probe(installed, "--write", "--yes", code=1).stdout
    assert "coupon" in left
    assert "tillroll store probe --write" in left
    turn(store, missing_scopes=[])
    assert "An earlier probe had left" in probe(installed, "--write", "--yes").stdout
    assert "--samples needs --write" in probe(installed, "--samples", code=1).stderr
