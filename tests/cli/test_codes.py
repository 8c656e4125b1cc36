"""`tillroll codes take` and `find`: codes of a pool, for accounts that may see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.accounts import add_account
from tests.cli.command import tillroll
from tests.clocks import FakeClock
from tests.journeys.steps import book_of
from tests.plan.test_pool import POOL
from tests.send.room import agreed, minted
from tests.shop import ANA, EVE, NOW, add_store
from tests.store import running
from tillroll.clock import SystemClock
from tillroll.ledger.engine import open_engine
from tillroll.ledger.tables import audit, codes
from tillroll.plan.due.pool import fill_pools
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book
from tillroll.settings import Settings
from tillroll.wiring import build


@pytest.fixture
def pooled(tmp_path: Path, sqlite_url: str) -> Iterator[Path]:
    """A folder whose ledger has a pool of ten codes that are valid now, in a running store."""
    with running(tmp_path / "store", customers=3) as store:
        with build(Settings(home=tmp_path / "var", database_url=sqlite_url)) as parts:
            engine, now = parts.engine, SystemClock().now()
            token = parts.sealer.seal(store.ready.token)
            store_id = add_store(engine, base_url=store.ready.base_url, token=token)
            record_book(engine, store_id=store_id, book=book_of(pool=POOL), now=now)
            fill_pools(engine, store_id=store_id, now=now)
            make_plan(engine, run_id=1, now=now, per_minute=600)
            agreed(engine, 1, now)
            minted(engine, 1, FakeClock(now))
            for person, role in ((ANA, "approver"), (EVE, "viewer")):
                words = {"password": "a quite long enough password", "role_names": (role,), "now": NOW}
                add_account(engine, email=person.email, **words)
        yield tmp_path


def take(home: Path, url: str, *words: str) -> tuple[int, str, str]:
    answer = tillroll(home, "codes", "take", *words, DATABASE_URL=url)
    return answer.returncode, answer.stdout, answer.stderr


def test_a_code_is_taken_once_and_the_audit_records_for_whom(pooled: Path, sqlite_url: str) -> None:
    words = ("pool", "--count", "3", "--for", "guest@shop.example", "--as", ANA.email)
    code, first, _ = take(pooled, sqlite_url, *words)
    assert code == 0
    code, second, _ = take(pooled, sqlite_url, "pool", "--as", ANA.email, "--json")
    assert code == 0
    assert len(first.split()) == 3
    taken = json.loads(second)
    assert taken["code"] not in first.split()
    assert taken.keys() == {"code", "valid_until"}
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        bodies = connection.scalars(sa.select(audit.c.body).where(audit.c.action == "codes.handed_out")).all()
        handed = sa.select(sa.func.count()).where(codes.c.handed_at.is_not(None))
        assert connection.scalar(handed) == 4
    engine.dispose()
    assert json.loads(bodies[0])["to"] == "guest@shop.example"


def test_a_ledger_restored_from_an_older_backup_neither_hands_out_nor_shows_codes(
    pooled: Path, sqlite_url: str
) -> None:
    words = ("pool", "--as", ANA.email)
    file = Path(str(make_url(sqlite_url).database))
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    backup = file.read_bytes()
    assert take(pooled, sqlite_url, *words)[0] == 0
    for left in ("-wal", "-shm"):
        Path(f"{file}{left}").unlink(missing_ok=True)
    file.write_bytes(backup)  # in the ledger its first code is unassigned again, although the guest has it
    code, out, err = take(pooled, sqlite_url, *words)
    assert (code, out) == (4, "")
    assert "tillroll rearm" in err
    shown = tillroll(pooled, "codes", "export", "1", "--as", ANA.email, DATABASE_URL=sqlite_url)
    assert (shown.returncode, shown.stdout) == (4, "")
    (pooled / "file.csv").write_text("sku,name\nPOT-01,Pot\n", encoding="utf-8")
    for what in (("import", "file.csv"), ("undo", "1")):
        refused = tillroll(pooled, "catalog", *what, DATABASE_URL=sqlite_url)
        assert refused.returncode == 4, refused.stderr

    looked = tillroll(pooled, "rearm", DATABASE_URL=sqlite_url)
    assert "Nothing was changed" in looked.stdout
    rearmed = tillroll(pooled, "rearm", "--as", ANA.email, "--yes", DATABASE_URL=sqlite_url)
    assert rearmed.returncode == 0, rearmed.stderr
    assert "nobody is contacted twice" in rearmed.stdout
    assert "The ledger works for its store again." in rearmed.stdout
    code, out, err = take(pooled, sqlite_url, *words)  # the holders of the others are unknown
    assert (code, out) == (1, "")
    assert "has 0 codes to hand out" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pool", "--as", EVE.email), "has no approver role for this store, so can't see codes in clear"),
        (("pool", "--as", "nobody@shop.example"), "There is no active account 'nobody@shop.example'"),
        (("pool", "--count", "11", "--as", ANA.email), "has 10 codes to hand out, not 11"),
        (("nothing", "--as", ANA.email), "There is no campaign 'nothing' with a pool"),
    ],
)
def test_codes_that_cannot_be_taken_are_refused_with_a_message(
    pooled: Path, sqlite_url: str, words: tuple[str, ...], message: str
) -> None:
    code, out, err = take(pooled, sqlite_url, *words)
    assert code == 1
    assert message in err
    assert out == ""


def find(home: Path, url: str, *words: str, who: str = ANA.email) -> tuple[int, str, str]:
    answer = tillroll(home, "codes", "find", *words, "--as", who, DATABASE_URL=url)
    return answer.returncode, answer.stdout, answer.stderr


def test_a_code_is_found_however_it_was_typed(pooled: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        code = connection.scalars(sa.select(codes.c.code).order_by(codes.c.id)).first() or ""
    engine.dispose()
    (pooled / "campaigns").mkdir()
    (pooled / "rules" / "codes").mkdir(parents=True)
    rail = "title: Short\nlength: 10\n"
    (pooled / "rules" / "codes" / "short.yaml").write_text(rail, encoding="utf-8")
    (pooled / "campaigns" / "pool.yaml").write_text(POOL, encoding="utf-8")
    typed = f"{code[:6].lower()} {code[6:]}".replace("0", "o").replace("1", "l")
    exit_code, output, _ = find(pooled, sqlite_url, *typed.split())
    assert exit_code == 0
    assert f"{code}  live" in output
    assert "pool, run 1" in output
    assert "not given out yet" in output
    assert "never, in the orders read so far" in output
    _, as_json, _ = find(pooled, sqlite_url, code, "--json")
    assert json.loads(as_json)["run_id"] == 1
    _, masked, _ = find(pooled, sqlite_url, code, "--json", who=EVE.email)
    assert json.loads(masked)["code"] == f"••••••{code[-2:]}"
    exit_code, _, trouble = find(pooled, sqlite_url, "POOL", "NOSUCH")
    assert (exit_code, "The ledger has no such code." in trouble) == (1, True)
