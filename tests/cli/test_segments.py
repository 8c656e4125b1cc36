"""`tillroll segment`: the customers that a segment selects, as text and JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.command import break_file, tillroll
from tests.shop import NOW, ROOT, add_customers, add_store, lapsed, sample_book
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import looks
from tillroll.plan.record.revisions import record_book


@pytest.fixture
def installed(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder with the sample files and a ledger with some customers in it."""
    for name in ("campaigns", "rules", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    engine = open_engine(sqlite_url)
    store_id = add_store(engine)
    people = [lapsed(number, accepts_marketing=number > 2, city="[b]Graz") for number in range(1, 41)]
    add_customers(
        engine, store_id, *people, lapsed(50, email="ana@shop.example", orders=0, last_order_at=None, city="")
    )
    with writing(engine) as connection:
        look = {"store_id": store_id, "area": "orders", "looked_at": NOW, "whole_at": NOW}
        connection.execute(sa.insert(looks).values(look))
    record_book(engine, store_id=store_id, book=sample_book(), now=NOW)
    engine.dispose()
    return tmp_path


def test_a_segment_is_shown_as_a_sentence_counts_and_a_sample(installed: Path, sqlite_url: str) -> None:
    break_file(installed, "rules/segments/lapsed-90.yaml", "    - accepts_marketing: true\n", "")
    answer = tillroll(installed, "segment", "show", "lapsed-90", DATABASE_URL=sqlite_url)
    assert answer.returncode == 0, answer.stderr
    text = " ".join(answer.stdout.split())
    assert "Bought twice or more, not in the last 90 days · lapsed-90" in text
    assert "Customers who ordered at least 2 times, and last ordered more than 90 days ago" in text
    assert "40 customers (97.6% of 41)" in text
    assert "38 accept e-mails and have an address" in text
    assert "used by winback (audience)" in text
    assert "Mon 23 Nov 2026 10:00 (Europe/Ljubljana): customers and orders since 2026-10-25" in text
    assert "5 of them" in text
    assert "•••" in text
    assert "[b]Graz, SI" in text
    assert "customer1" not in text, "nobody's address is shown"


def test_a_segment_is_one_json_object(installed: Path, sqlite_url: str) -> None:
    words = ("segment", "show", "friends", "--json", "--sample", "3")
    segment = json.loads(tillroll(installed, *words, DATABASE_URL=sqlite_url).stdout)
    assert (segment["count"], segment["agreed"], segment["untold"]) == (1, 1, [])
    assert [customer["customer_id"] for customer in segment["sample"]] == [50]
    assert segment["customers_at"] == "2026-11-23T09:00:00+00:00"


def test_the_list_counts_every_segment_and_names_data_that_the_mirror_lacks(
    installed: Path, sqlite_url: str
) -> None:
    answer = tillroll(installed, "segment", "list", DATABASE_URL=sqlite_url)
    assert answer.returncode == 0, answer.stderr
    text = " ".join(answer.stdout.split())
    assert "Customers who are in the group Staff." in text
    assert "the customers' scores haven't been computed yet" in text
    assert "the store's categories haven't been read yet" in text
    rows = tillroll(installed, "segment", "list", "--json", DATABASE_URL=sqlite_url).stdout.splitlines()
    counts = {segment["name"]: segment["count"] for segment in map(json.loads, rows)}
    assert counts["lapsed-90"] == 38
    assert counts.keys() == {path.stem for path in (ROOT / "rules" / "segments").glob("*.yaml")}


def test_faults_and_unknown_names_are_reported(installed: Path, sqlite_url: str) -> None:
    break_file(installed, "rules/segments/lapsed-90.yaml", "orders:", "ordres:")
    (installed / "rules" / "lists" / "friends.csv").write_text("email\nnobody\n")
    listed = tillroll(installed, "segment", "list", DATABASE_URL=sqlite_url)
    assert listed.returncode == 1
    assert "rules/segments/lapsed-90.yaml:4:7" in listed.stdout
    assert "rules/lists/friends.csv:2:1 'nobody' is not an e-mail address" in listed.stdout
    faulty = tillroll(installed, "segment", "show", "lapsed-90", DATABASE_URL=sqlite_url)
    assert faulty.returncode == 1
    assert "did you mean orders?" in " ".join(faulty.stderr.split())
    by_list = tillroll(installed, "segment", "show", "friends", DATABASE_URL=sqlite_url)
    assert (by_list.returncode, "is not an e-mail address" in by_list.stderr) == (1, True)
    unknown = tillroll(installed, "segment", "show", "lapsd", DATABASE_URL=sqlite_url)
    assert unknown.returncode == 1
    assert "There is no segment 'lapsd'" in unknown.stderr
