"""`tillroll codes import`: rows that can't be taken are told by number, and only people who may decide import codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.command import tillroll
from tests.cli.test_codes import pooled
from tests.contract.samples import coupon
from tests.shop import ANA, EVE
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.settings import Settings
from tillroll.wiring import build

__all__ = ["pooled"]  # a fixture


def create(home: Path, url: str, *codes: str) -> None:
    """Create coupons in the store that give what the pool's offer says."""
    with build(Settings(home=home / "var", database_url=url, environment="sandbox")) as parts:
        with reading(parts.engine) as connection:
            store = load_store(connection, 1)
        with parts.client(store) as client:
            for code in codes:
                plain = {"discount_type": "ABS", "discount": Decimal(5), "minimum_subtotal": None}
                ends = {"application_limit": "UNLIMITED", "expires_at": datetime.now(UTC) + timedelta(days=5)}
                client.coupons.create(coupon(code, name="From the printer", **plain, **ends))


def run(home: Path, url: str, text: str, *words: str, who: str = ANA.email) -> tuple[int, str, str]:
    (home / "fair.csv").write_text(text, encoding="utf-8")
    command = ("codes", "import", str(home / "fair.csv"), "--campaign", "pool", "--as", who, *words)
    answer = tillroll(home, *command, DATABASE_URL=url)
    return answer.returncode, answer.stdout, answer.stderr


def test_good_rows_are_imported_and_the_others_told(pooled: Path, sqlite_url: str) -> None:
    create(pooled, sqlite_url, "PRINT-A1", "PRINT-B2")
    text = "code\nPRINT-A1\nPRINT-B2\nPRINT-Z9\n??\n"
    code, out, err = run(pooled, sqlite_url, text, "--dry-run")
    assert code == 1
    assert out == "2 codes would be imported for pool; 2 rows left out.\n"
    assert err == (
        "row 4: ••••Z9: the store has no such coupon\n"
        "row 5: '??' is no code: 3 to 64 letters, digits, hyphens, dots and underscores\n"
    )
    code, out, _ = run(pooled, sqlite_url, text)
    assert code == 1
    assert out.startswith("Imported 2 codes for pool; 2 rows left out.\n")
    code, out, _ = run(pooled, sqlite_url, "PRINT-A1\n", "--json")
    answer = json.loads(out)
    assert (code, answer["taken"], answer["run"]) == (1, 0, None)
    assert answer["faults"] == [{"row": 1, "problem": "••••A1: run 2 (pool) has it already"}]


@pytest.mark.parametrize(
    ("text", "words", "who", "message"),
    [
        ("PRINT-A1\n", (), EVE.email, "has no approver role for this store, so can't import codes"),
        ("", (), ANA.email, "fair.csv can't be imported: it has no codes"),
        ("PRINT-A1\n", ("--campaign", "other"), ANA.email, "There is no campaign 'other' with a pool"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    pooled: Path, sqlite_url: str, text: str, words: tuple[str, ...], who: str, message: str
) -> None:
    code, out, err = run(pooled, sqlite_url, text, *words, who=who)
    assert (code, out) == (1, "")
    assert message in err
