"""`tillroll catalog`: import, status and undo."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

from tests.cli.command import Answer, tillroll
from tests.store import running

FILE = "sku,name,price\nNEW-1,Hojicha,8.50\nTEA-01,,9.75\nTEA-02,,24\n"


class Command(Protocol):
    def __call__(self, *words: str) -> Answer: ...


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Command]:
    """The command in a folder with a ledger and `file.csv`, connected to a running store."""
    (tmp_path / "file.csv").write_text(FILE, encoding="utf-8")
    with running(tmp_path / "store", customers=3) as store:
        ready = store.ready

        def run(*words: str) -> Answer:
            return tillroll(
                tmp_path,
                *words,
                ECWID_STORE_ID=str(ready.store_id),
                ECWID_TOKEN=ready.token,
                ECWID_API_URL=ready.base_url,
            )

        assert run("db", "upgrade").returncode == 0
        yield lambda *words: run("catalog", *words)


def test_a_dry_run_lists_the_changes_and_writes_nothing(catalog: Command, tmp_path: Path) -> None:
    answer = catalog("import", "file.csv", "--dry-run")
    assert answer.returncode == 0
    output = " ".join(answer.stdout.split())
    assert (
        "Of 3 rows, 1 would be created and 1 changed; 1 unchanged, 0 failed. This was a dry run: nothing was changed."
        in output
    )
    with closing(sqlite3.connect(tmp_path / "var" / "tillroll.sqlite3")) as ledger:
        assert ledger.execute("select count(*) from imports").fetchone() == (0,)
    assert "Nothing has been imported yet" in catalog("status").stdout


def test_import_status_and_undo_agree(catalog: Command) -> None:
    imported = catalog("import", "file.csv")
    assert imported.returncode == 0
    assert "3 rows: 2 done (1 created, 1 changed, 0 deleted), 1 unchanged, 0 failed." in imported.stdout
    assert "tillroll catalog undo 1" in imported.stdout
    undone = catalog("import", "--undo", "1", "--json")
    report = json.loads(undone.stdout)
    assert (report["kind"], report["undoes"], report["done"], report["failures"]) == ("undo", 1, 2, [])
    lines = json.loads(catalog("status", "--json").stdout)["imports"]
    assert [(line["journal"], line["state"], line["done"]) for line in lines] == [
        (2, "done", 2),
        (1, "done", 2),
    ]


def test_failed_rows_are_listed_with_line_and_reason_and_set_the_exit_code(
    catalog: Command, tmp_path: Path
) -> None:
    (tmp_path / "file.csv").write_text("sku,price\nNEW-2,5\nTEA-01,7.77\n", encoding="utf-8")
    answer = catalog("import", "file.csv")
    assert answer.returncode == 1
    assert "line 2  NEW-2: the store has no product NEW-2, and a new one needs a name" in answer.stdout
    assert "1 done" in answer.stdout


def test_faults_of_the_file_are_reported_before_any_change(catalog: Command, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("sku,price,categories\nA,x,\nB,1,Nowhere\n", encoding="utf-8")
    answer = catalog("import", "file.csv")
    assert answer.returncode == 1
    assert "file.csv:2 price: 'x' is not an amount" in answer.stderr
    assert "file.csv:3 categories: the store has no category 'Nowhere'" in answer.stderr
    assert "2 faults; nothing was imported" in answer.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("import",),
        ("import", "file.csv", "--undo", "1"),
        ("import", "file.csv", "--force"),
        ("import", "--undo", "1", "--dry-run"),
    ],
)
def test_contradicting_options_are_wrong_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert tillroll(tmp_path, "catalog", *words).returncode == 2
